# Flux's own objects, which name the repository that this cluster follows.
PATH=$PATH:/usr/local/bin
for object in namespace/flux-system gitrepository/flux-system kustomization/flux-system; do
  section "${object%/*}"
  k3s kubectl get "${object%/*}" "${object#*/}" -n flux-system -o json 2>/dev/null
done
