"""The smallest Azure function: it answers `ok`."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("empty", methods=["GET"])
async def empty(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the platform's shape
    return func.HttpResponse("ok", mimetype="text/plain")
