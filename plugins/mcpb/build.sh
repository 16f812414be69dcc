#!/usr/bin/env bash
# usage: plugins/mcpb/build.sh FILE.mcpb: the bundle for Claude Desktop, of what is committed.
# Needs git and npm. What it depends on is in its pyproject.toml, and uv installs it at first start.
set -euo pipefail
bundle=$(realpath -m "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git archive HEAD pyproject.toml README.md LICENSE server tools prompts examples/listing_finder |
  tar -x -C "$folder"
cp plugins/mcpb/manifest.json "$folder"
npx --yes @anthropic-ai/mcpb@2.1.2 pack "$folder" "$bundle"
