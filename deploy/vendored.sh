#!/usr/bin/env bash
# Whether the scripts in app/web/static are the files of the package that npm's registry has under that name and version.
set -euo pipefail
here=$(cd "$(dirname "$0")/../app/web/static" && pwd)
package=$(sed -nE 's/^# (\S+) (\S+) from the npm registry.*/\1@\2/p' "$here/vendored.sha256")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
tar xzf "$(npm pack --silent "$package")"
mkdir both
cp package/dist/htmx.min.js package/dist/ext/hx-csp.min.js both
(cd both && sha256sum --check --strict --quiet "$here/vendored.sha256")
(cd "$here" && sha256sum --check --strict --quiet vendored.sha256)
echo "as $package has them"
