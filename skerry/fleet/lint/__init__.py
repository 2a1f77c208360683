"""Checks of a fleet repository, before Flux applies it.

`run.lint` reads the repository, runs these checks and sorts their findings:

- `leaks`: plaintext secrets in any file; `rendered_leaks`: in what kustomize makes of it
- `manifests`: one manifest on its own: API version, name, SOPS recipients
- `patches`: kustomize patches whose target matches no resource
- `flux`: what Flux needs across files: dependsOn, spec.path, decryption, flux-system
- `render`: folders that kustomize cannot render
- `schemas`: fields and types, by the JSON schemas of Kubernetes, Flux and the repository's own CRDs

A new check is a generator of `LintFinding` in the module of its subject, called from that module's `check`. Its test is
a repository below tests/fleet/repositories, listed with the expected finding in tests/fleet/test_lint.py.
"""
