#!/bin/sh
# Makes the namespace, or sets its retention if it exists; reads TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
set -eu

retention=90d

if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$retention"
else
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$retention"
fi
