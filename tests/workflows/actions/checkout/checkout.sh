# All branches and tags with depth 0, one commit without; then the commit, as a branch when none is named.
set -euo pipefail
[ "$PERSIST" = false ] || { echo "the token would stay in .git/config"; exit 1; }
git init --quiet --initial-branch=main .
git remote add origin "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY.git"
auth="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$TOKEN" | base64 -w0)"
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraheader GIT_CONFIG_VALUE_0="$auth"
sha="${REF:-$LOOP_SHA}"
if [ "$DEPTH" = 0 ]; then
  git fetch --quiet origin '+refs/heads/*:refs/remotes/origin/*'
  git cat-file -e "$sha" 2>/dev/null || git fetch --quiet origin "$sha"
else
  git fetch --quiet --depth "$DEPTH" origin "$sha"
fi
if git rev-parse --quiet --verify "refs/remotes/origin/$sha" > /dev/null; then
  git checkout --quiet --force -B "$sha" "refs/remotes/origin/$sha"
else
  git -c advice.detachedHead=false checkout --quiet --force --detach "$sha"
fi
if [ -n "${LOOP_VENV:-}" ]; then ln -s "$LOOP_VENV" .venv; fi # the environment is installed already
