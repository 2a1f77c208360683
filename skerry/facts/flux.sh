# Flux's own objects: what this cluster follows.
PATH=$PATH:/usr/local/bin
for each in namespace/flux-system gitrepository/flux-system kustomization/flux-system; do
  section "${each%/*}"
  k3s kubectl get "${each%/*}" "${each#*/}" -n flux-system -o json 2>/dev/null
done
