#!/usr/bin/env bash
# Build a model, report, comment, gate. What GitHub's action and GitLab's job both call.
#
#   NM_MODEL=model.pt [NM_TARGET=loihi2] [NM_BUDGETS=budgets.toml] [NM_BASELINE=baseline.json]
#   [NM_BUILD_OPTIONS="..."] [NM_OUT=nmcompile-out] [NM_COMMENT=true NM_TOKEN=... NM_COMMENTS_URL=...]
#
# The exit code is that of the step that failed first: 3 when the model does not fit, 4 when it is over
# budget, 5 when cores and golden network differ. Reports are written whatever the gate says.
set -uo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
: "${NM_MODEL:?name the model file in NM_MODEL}"
out="${NM_OUT:-nmcompile-out}"
mkdir -p "$out"

read -r -a options <<< "${NM_BUILD_OPTIONS:-}"
nmcompile build "$NM_MODEL" --target "${NM_TARGET:-loihi2}" -o "$out/build" ${options[@]+"${options[@]}"} || exit $?
nmcompile report "$out/build" --html "$out/report.html" --markdown "$out/report.md" || exit $?

code=0
nmcompile budget "$out/build" --file "${NM_BUDGETS:-budgets.toml}" \
  --baseline "${NM_BASELINE:-baseline.json}" --markdown "$out/budget.md" --junit "$out/junit.xml" || code=$?
if [ ! -f "$out/budget.md" ]; then
  exit "$code"
fi

# GitHub shows a summary of up to 1 MB; each of the two files is at most 64 KB
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  cat "$out/budget.md" "$out/report.md" >> "$GITHUB_STEP_SUMMARY"
fi
if [ "${NM_COMMENT:-}" = true ] && [ -n "${NM_TOKEN:-}" ] && [ -n "${NM_COMMENTS_URL:-}" ]; then
  # a comment that could not be written is no reason to fail a build
  python "$here/comment.py" "$NM_COMMENTS_URL" "$out/budget.md" || echo "the comment was not written" >&2
fi
exit "$code"
