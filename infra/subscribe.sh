#!/bin/sh
# azd's postdeploy hook: subscribes the blob trigger to uploads. It is safe to run it again.
#
# The Functions host creates the key `blobs_extension` when it first starts with a blob trigger,
# which may be minutes after the deployment. event-grid.bicep reads it in Azure: no key passes
# through here.
set -eu

case ",${TRISCORE_TRIGGERS:?run it with: azd hooks run postdeploy}," in
    *,blob,*) ;;
    *) echo "TRIGGERS has no blob: nothing to subscribe." && exit 0 ;;
esac

has_key() {
    names=$(az functionapp keys list --resource-group "$AZURE_RESOURCE_GROUP" \
        --name "$TRISCORE_APP" --query 'keys(systemKeys)' --output tsv 2>/dev/null) || return 1
    echo "$names" | grep -qx blobs_extension
}

tries=0
until has_key; do
    tries=$((tries + 1))
    if [ "$tries" -ge 30 ]; then
        echo "The app has no blobs_extension key after 5 minutes: it did not start, or has no blob" \
            "trigger. Look at its logs (docs/deploy.md), then run: azd hooks run postdeploy" >&2
        exit 1
    fi
    sleep 10
done

az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name event-grid \
    --template-file infra/event-grid.bicep --output none \
    --parameters functionAppName="$TRISCORE_APP" storageName="$TRISCORE_STORAGE" \
    inputContainer="$TRISCORE_INPUT_CONTAINER"
echo "Event Grid notifies $TRISCORE_APP of each blob in $TRISCORE_INPUT_CONTAINER."
