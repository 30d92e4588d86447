# What actions/checkout 7 leaves in an empty workspace, by real git. Without `ref` the branch or the pull request of
# the event at the commit of the event; a commit detached; a branch by its name, as it is now.
set -euo pipefail
[ "$PERSIST" = false ] || { echo "this stand-in leaves no token in .git/config"; exit 1; }
[ -z "$(ls -A)" ] || { echo "this stand-in cleans no workspace: check out first, and once a job"; exit 1; }
git init --quiet .
git remote add origin "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY.git"
auth="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$TOKEN" | base64 -w0)"
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraheader GIT_CONFIG_VALUE_0="$auth"
if [ -z "$REF" ]; then ref="$GITHUB_REF" sha="$LOOP_SHA"
elif [[ "$REF" =~ ^[0-9a-f]{40}$ ]]; then ref="" sha="$REF"
else ref="refs/heads/$REF" sha=""; fi # a tag by its name is used by no workflow
there="${ref/#refs\/heads\//refs/remotes/origin/}"
there="${there/#refs\/pull\//refs/remotes/pull/}"
one="+${sha:-$ref}${there:+:$there}"
fetch() { git fetch --quiet --prune "$@"; }
if [ "$DEPTH" = 0 ]; then
  all=("+refs/heads/*:refs/remotes/origin/*" "+refs/tags/*:refs/tags/*")
  case "$ref" in refs/pull/*) all+=("$one") ;; esac
  fetch origin "${all[@]}"
  # Where the branch moved on since the event, origin's is set back to the commit of the event.
  [ -z "$sha" ] || [ "$(git rev-parse --quiet --verify "${there:-$sha}^{commit}")" = "$sha" ] || fetch origin "$one"
else
  fetch --no-tags --depth "$DEPTH" origin "$one"
fi
case "$ref" in
  refs/heads/*) git checkout --quiet --force -B "${ref#refs/heads/}" "$there" ;;
  *) git -c advice.detachedHead=false checkout --quiet --force --detach "${there:-$sha}" ;;
esac
if [ -n "${LOOP_VENV:-}" ]; then ln -s "$LOOP_VENV" .venv; fi # the environment is installed already
