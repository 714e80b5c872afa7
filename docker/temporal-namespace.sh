#!/bin/sh
# Creates the namespace with the retention Longhaul relies on, and its search attributes; safe to run again.
# Reads TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
set -eu

# A new server, and a new namespace on it, is known to all of its parts only some seconds later.
retry() {
  for _ in $(seq 60); do
    if "$@"; then return; fi
    sleep 1
  done
  echo "Gave up after 60 tries: $*" >&2
  exit 1
}

retry temporal operator cluster health

# A task's id stays taken for as long as its history is kept: 30 days.
if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention 30d
else
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 30d
fi

retry temporal operator search-attribute list >/dev/null
for name in ConnectorTaskType ConnectorPhase ConnectorExternalId ConnectorProject; do
  if temporal operator search-attribute list | grep -qw "$name"; then continue; fi
  retry temporal operator search-attribute create --name "$name" --type Keyword
done
echo "Namespace $TEMPORAL_NAMESPACE is ready."
