"""The HTTP server: SGLang's routes over a Service, with starlette and uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from eft_jax.core.settings import ConfigError
from eft_jax.serve import chat, wire
from eft_jax.serve.requests import GenerateResult, QueueFull, RequestError
from eft_jax.serve.service import REFUSED, Service, lora_answer

logger = logging.getLogger(__name__)

MAX_BODY = 64 << 20   # bytes
BODY_SECONDS = 60.0   # for a client to send its body
PROBE_SECONDS = 20.0  # for /health_generate
MAX_CONNECTIONS = 1024


class BadJson(ValueError):
  """A body that is no JSON."""


async def _json(request: Request) -> Any:
  """The parsed body. Raises BadJson, HTTPException (too large, too slow)."""
  parts, size = [], 0
  try:
    async with asyncio.timeout(BODY_SECONDS):
      async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
          raise HTTPException(413, f"The body is larger than {MAX_BODY} bytes.")
        parts.append(part)
  except TimeoutError as error:
    raise HTTPException(408, f"The body did not arrive within {BODY_SECONDS:.0f} s.") from error
  try:
    return json.loads(b"".join(parts) or b"{}")
  except (ValueError, RecursionError) as error:
    raise BadJson(f"The body is not JSON: {error}") from error


class Routes:
  """The handlers, one method each."""

  def __init__(self, service: Service):
    self.service, self.engine = service, service.engine

  def table(self) -> list[Route]:
    """All routes."""
    get = lambda path, answer: Route(path, self._reader(answer), methods=["GET"])
    both = ["GET", "POST"]
    service = self.service
    routes = [
        Route("/generate", self.generate, methods=["POST", "PUT"]),
        Route("/v1/chat/completions", self.chat, methods=["POST"]),
        Route("/health", self.health), Route("/ready", self.health), Route("/health_generate", self.health_generate),
        get("/model_info", service.model_info), get("/get_model_info", service.model_info),
        get("/server_info", service.server_info), get("/get_server_info", service.server_info),
        get("/v1/models", service.list_models),
        Route("/flush_cache", self.flush_cache, methods=both),
    ]
    routes += [Route(f"/{name}", self._control(name), methods=["POST"]) for name in (
        "pause_generation", "continue_generation", "abort_request", "update_weights_from_disk",
        "update_weight_version", "load_lora_adapter")]
    routes.append(Route("/unload_lora_adapter", self.unload_lora_adapter, methods=["POST"]))
    return routes + [Route(f"/{name}", self._refuse(name, why), methods=both) for name, why in REFUSED.items()]

  def _reader(self, answer: Callable[[], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def handler(_: Request) -> Response:
      return JSONResponse(answer())
    return handler

  def _control(self, name: str) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
      status, answer = await asyncio.to_thread(self.service.control, name, await _json(request))
      return Response(status_code=status) if answer is None else JSONResponse(answer, status)
    return handler

  async def unload_lora_adapter(self, request: Request) -> Response:
    """Waits without a thread: there are few of them, and a pause may be long."""
    body = await _json(request)
    try:
      status, answer = lora_answer(await asyncio.wrap_future(self.service.begin_unload(body)))
    except RequestError as error:
      status, answer = lora_answer(self.engine.adapters.loaded, str(error))
    return JSONResponse(answer, status)

  def _refuse(self, name: str, why: str) -> Callable[[Request], Awaitable[Response]]:
    async def handler(_: Request) -> Response:
      raise RequestError(f"/{name} is not available on this server: {why}.")
    return handler

  async def health(self, _: Request) -> Response:
    return Response(status_code=200 if self.engine.alive else 503)

  async def health_generate(self, _: Request) -> Response:
    """Really generates a token. A full queue is a healthy server that is busy."""
    try:
      future = self.service.probe()
    except QueueFull:
      return Response(status_code=200)
    try:
      await asyncio.wait_for(asyncio.wrap_future(future), PROBE_SECONDS)
    except Exception:
      return Response(status_code=503)
    return Response(status_code=200)

  async def flush_cache(self, _: Request) -> Response:
    status, text = await asyncio.to_thread(self.service.flush_cache)
    return PlainTextResponse(text, status)

  async def generate(self, request: Request) -> Response:
    body = await _json(request)
    batch = await asyncio.to_thread(self.service.parse, body)
    if body.get("stream"):
      feed = Feed(self.service, batch)
      return StreamingResponse(_events(feed, self._generate_event(batch)), media_type="text/event-stream")
    results = await self._results(request, batch)
    return JSONResponse(await asyncio.to_thread(self.service.answer, batch, results))

  def _generate_event(self, batch: wire.Batch) -> Callable[[int, GenerateResult], list[Any]]:
    """Cumulative objects; batch items carry their index."""
    def event(index: int, result: GenerateResult) -> list[Any]:
      answer = self.service.object(batch, batch.requests[index], result)
      return [answer if batch.single else answer | {"index": index}]
    return event

  async def chat(self, request: Request) -> Response:
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
      return JSONResponse(wire.openai_error("Unsupported Media Type: Only 'application/json' is allowed", 400), 400)
    body = await _json(request)
    try:
      batch = await asyncio.to_thread(chat.parse, self.service, body)
    except RequestError as error:
      return JSONResponse(wire.openai_error(str(error), 400), 400)
    if body.get("stream"):
      feed = Feed(self.service, batch)
      return StreamingResponse(_events(feed, chat.Deltas(self.service, body, batch)), media_type="text/event-stream")
    results = await self._results(request, batch)
    return JSONResponse(await asyncio.to_thread(chat.answer, self.service, body, batch, results))

  async def _results(self, request: Request, batch: wire.Batch) -> list[GenerateResult]:
    """Waits for a batch, and gives it up when its client goes away."""
    futures = self.service.submit(batch)
    results = asyncio.gather(*map(asyncio.wrap_future, futures))
    gone = asyncio.ensure_future(_disconnected(request))
    try:
      await asyncio.wait({results, gone}, return_when=asyncio.FIRST_COMPLETED)
      if not results.done():
        raise ClientDisconnect()
      return results.result()
    finally:
      gone.cancel()
      if not results.done():
        results.cancel()
        self.engine.cancel([item.rid for item in batch.requests])


async def _disconnected(request: Request) -> None:
  while (await request.receive())["type"] != "http.disconnect":
    pass


class Feed:
  """Partial results of a batch as they come, the newest of each request only: a slow reader costs no memory.

  Made before the response begins, so that a refusal is still a status code.
  """

  def __init__(self, service: Service, batch: wire.Batch):
    self._engine, self._loop = service.engine, asyncio.get_running_loop()
    self._newest: dict[int, GenerateResult | Exception] = {}
    self._wake = asyncio.Event()
    self._rids = [item.rid for item in batch.requests]
    listening = [dataclasses.replace(item, on_tokens=self._listener(index))
                 for index, item in enumerate(batch.requests)]
    for index, future in enumerate(self._engine.submit(listening)):
      future.add_done_callback(self._listener(index))

  def _listener(self, index: int) -> Callable[[Any], None]:
    def listen(news: GenerateResult | Future) -> None:
      if isinstance(news, Future):
        news = news.exception() or news.result()
      with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads any more
        self._loop.call_soon_threadsafe(self._store, index, news)
    return listen

  def _store(self, index: int, news: GenerateResult | Exception) -> None:
    self._newest[index] = news
    self._wake.set()

  async def __aiter__(self) -> AsyncIterator[tuple[int, GenerateResult]]:
    open_ = set(range(len(self._rids)))
    try:
      while open_:
        await self._wake.wait()
        self._wake.clear()
        newest, self._newest = self._newest, {}
        for index, news in sorted(newest.items()):
          if isinstance(news, Exception):
            raise news
          if news.finish_reason is not None:
            open_.discard(index)
          yield index, news
    finally:
      if open_:
        self._engine.cancel([self._rids[index] for index in open_])


async def _events(feed: Feed, event: Callable[[int, GenerateResult], list[Any]]) -> AsyncIterator[str]:
  """Server-sent events of a feed. An error inside the stream is an event of its own."""
  try:
    async for index, result in feed:
      for item in event(index, result):
        yield f"data: {json.dumps(item)}\n\n"
  except Exception as error:
    logger.exception("A stream failed.")
    yield "data: " + json.dumps({"error": {"message": str(error), "type": "invalid_request_error", "code": 500,
                                           "retryable": False}}) + "\n\n"
  yield "data: [DONE]\n\n"


def create_app(service: Service) -> Starlette:
  """The application; errors in SGLang's shapes."""
  async def refused(_: Request, error: Exception) -> Response:
    return JSONResponse(wire.error_json(error), 400)

  async def full(_: Request, error: Exception) -> Response:
    return JSONResponse(wire.error_json(error), 503)

  async def bad_json(_: Request, error: Exception) -> Response:
    return JSONResponse(wire.openai_error(str(error), 400), 400)

  async def http(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": error.detail}, error.status_code)

  async def gone(_: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it

  async def failed(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": {"message": f"{type(error).__name__}: {error}"}}, 500)

  handlers = {RequestError: refused, QueueFull: full, BadJson: bad_json, HTTPException: http, ClientDisconnect: gone,
              Exception: failed}
  return Starlette(routes=Routes(service).table(), exception_handlers=handlers)


def listen(host: str, port: int) -> socket.socket:
  """A bound socket; port 0 takes a free one. Raises ConfigError."""
  try:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    return sock
  except (OSError, OverflowError) as error:
    raise ConfigError(f"Cannot listen on {host}:{port}: {error}. Use another --config.port.") from error


class HttpServer:
  """A server in a thread of this process: `with HttpServer(service, listen('127.0.0.1', 0)) as server: server.url`."""

  def __init__(self, service: Service, sock: socket.socket):
    host, port = sock.getsockname()[:2]
    self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    self._socket = sock
    config = uvicorn.Config(create_app(service), log_config=None, access_log=False, lifespan="off",
                            limit_concurrency=MAX_CONNECTIONS, timeout_keep_alive=30, timeout_graceful_shutdown=3)
    self._server = uvicorn.Server(config)
    self._thread = threading.Thread(target=self._server.run, args=([sock],), name="eft_jax-http", daemon=True)

  def start(self) -> None:
    """Returns once connections are accepted."""
    self._thread.start()
    while not self._server.started:
      if not self._thread.is_alive():
        raise RuntimeError(f"The HTTP server at {self.url} did not start.")
      time.sleep(0.01)

  @property
  def alive(self) -> bool:
    return self._thread.is_alive()

  def stop(self) -> None:
    """Stops accepting, gives running responses a few seconds, and ends the thread."""
    self._server.should_exit = True
    self._thread.join()
    self._socket.close()

  def __enter__(self) -> HttpServer:
    self.start()
    return self

  def __exit__(self, *_: Any) -> None:
    self.stop()
