#!/bin/sh
# The build steps of the image. Run it in a folder that holds a copy of the sources; afterwards the folder holds what
# the image ships: dist/, package.json and the production packages for this platform.
set -eu

npm ci --no-fund --no-audit # its `prepare` builds dist/ and the workflow bundle
npm prune --omit=dev --no-fund --no-audit

# The SDK ships its native core for five platforms, some 50 MB each; this image needs one.
releases=node_modules/@temporalio/core-bridge/releases
target=$(node -p "({ x64: 'x86_64', arm64: 'aarch64' })[process.arch] + (process.platform === 'darwin' ? '-apple-darwin' : '-unknown-linux-gnu')")
test -d "$releases/$target"
for release in "$releases"/*; do
  if [ "$(basename "$release")" != "$target" ]; then rm -r "$release"; fi
done

node dist/src/cli/cli.js version
