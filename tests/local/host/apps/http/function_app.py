"""HTTP functions, each for one rule."""

import asyncio
import json
import threading

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

holding = asyncio.Event()
arrived: list[str] = []
finished: list[str] = []


@app.route("echo/{kind}", methods=["POST", "GET"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode("latin-1"),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route("files/{*path}", methods=["GET"])
def file(req: func.HttpRequest) -> func.HttpResponse:
    # A synchronous function, in a thread.
    assert threading.current_thread() is not threading.main_thread()
    return func.HttpResponse(req.route_params.get("path", ""), mimetype="text/plain")


@app.route("files/known", methods=["GET"])
async def known_file(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("known", mimetype="text/plain")


@app.route("console", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def console(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("the page")


@app.route("raises")
async def raises(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("the reason")


@app.route("nothing")
async def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None


@app.route("cancels")
async def cancels(req: func.HttpRequest) -> func.HttpResponse:
    never = asyncio.get_running_loop().create_future()
    never.cancel()
    await never


@app.route("size", methods=["POST"])
async def size(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(len(req.get_body())))


@app.route("unsendable/{what}")
async def unsendable(req: func.HttpRequest) -> func.HttpResponse:
    match req.route_params["what"]:
        case "status":
            return func.HttpResponse(status_code=99)
        case "name":
            return func.HttpResponse(headers={"a b": "c"})
    return func.HttpResponse(headers={"a": "b\0"})


@app.route("late")
async def late(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(60)
    return func.HttpResponse("too late")


@app.route("hold")
async def hold(req: func.HttpRequest) -> func.HttpResponse:
    arrived.append(req.params["by"])
    await holding.wait()
    finished.append(req.params["by"])
    return func.HttpResponse("released")


@app.route("release")
async def release(req: func.HttpRequest) -> func.HttpResponse:
    holding.set()
    return func.HttpResponse("released")


@app.route("slow")
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    arrived.append("slow")
    await asyncio.sleep(1)
    return func.HttpResponse("done")


@app.route("state")
async def state(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({"arrived": arrived, "finished": finished}))


@app.route("open", auth_level=func.AuthLevel.ANONYMOUS)
async def open_to_all(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(status_code=204)
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly; SameSite=Lax")
    return response


@app.route("masters", auth_level=func.AuthLevel.ADMIN)
async def masters(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("welcome")


@app.route("big", methods=["GET"])
async def big(req: func.HttpRequest) -> func.HttpResponse:
    arrived.append("big")
    return func.HttpResponse(bytes(int(req.params["bytes"])))


@app.route("health/ready", auth_level=func.AuthLevel.ANONYMOUS)
async def ready(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("ready")
