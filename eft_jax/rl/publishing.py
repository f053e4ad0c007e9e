"""Handing weights to whoever writes the rollouts, and making sure that these weights, and no others, wrote them."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from eft_jax.core import Response
from eft_jax.core.settings import ConfigError
from eft_jax.rl.policy import Policy
from eft_jax.search.proposers import ProposerError, Request, llm
from eft_jax.serve import Client, Embedded, ServerError
from eft_jax.serve.client import PROBE_IDS

_NAME = re.compile(r"epoch-(\d+)")


def name_of(version: int) -> str:
  """Name of a weight version, and of its folder or adapter."""
  return f"epoch-{version:05d}"


def version_of(name: str) -> int | None:
  """The version of a name; None where it is none of ours."""
  found = _NAME.fullmatch(name)
  return int(found[1]) if found else None


class Publisher(Protocol):
  """One way to hand weights over."""

  def publish(self, policy: Policy) -> None:
    """Returns when the next request is answered by the policy as it is. Raises ServerError."""

  @property
  def adapter(self) -> str:
    """Name of the adapter that requests must ask for; '' for none."""


class ToEngine:
  """An engine in this process takes the arrays."""

  adapter = ""

  def __init__(self, client: Embedded):
    self._client = client

  def publish(self, policy: Policy) -> None:
    self._client.update_weights(policy.weights(), name_of(policy.version))


class ToServer:
  """A server reads a folder of all weights, and is asked what it makes of a probe prompt."""

  adapter = ""

  def __init__(self, client: Client, folder: pathlib.Path, keep: int, tolerance: float):
    self._client, self._folder, self._keep, self._tolerance = client, folder, keep, tolerance

  def publish(self, policy: Policy) -> None:
    name = name_of(policy.version)
    self._send(policy, name)
    forget(self._folder, self._keep)

  def _send(self, policy: Policy, name: str) -> None:
    path = policy.write_weights(self._folder / name)
    self._client.sync_weights(path, name, **self._probe(policy))

  def _probe(self, policy: Policy) -> dict[str, Any]:
    return {"probe_ids": PROBE_IDS, "expected": policy.probe(PROBE_IDS), "tolerance": self._tolerance}


class AdapterToServer(ToServer):
  """A server that serves the base model loads the adapters of each version under a name of its own."""

  def _send(self, policy: Policy, name: str) -> None:
    path = policy.write_adapter(self._folder / name)
    with contextlib.suppress(ServerError):
      self._client.unload_lora_adapter(name)  # of a run that was stopped: perhaps another's
    self._client.load_lora_adapter(name, path, **self._probe(policy))
    before, self.adapter = self.adapter, name
    if before not in ("", name):
      self._client.unload_lora_adapter(before)


def forget(folder: pathlib.Path, keep: int) -> None:
  """Removes all but the newest `keep` versions below a folder."""
  versions = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
  for path in versions[:-keep]:
    shutil.rmtree(path, ignore_errors=True)


class Rollouts:
  """The proposer of an RL run: before it asks, its server has the policy's weights; each answer says which it had.

  A server that was started again, or that somebody else updated, answers with other weights: those replies are thrown
  away, the weights handed over again, and the steps tried again.

  Args:
    groups: calls at a time: one per group, so that the first replies are evaluated while others are being written.
  """

  by_group = True

  def __init__(self, client: Any, policy: Policy, publisher: Publisher, name: str, groups: int,
               close: Callable[[], None]):
    self._model = llm.LLM(client, policy.tokenizer, name)
    self._policy, self._publisher, self.close = policy, publisher, close
    self.name, self.concurrency = name, groups
    self._published: int | None = None
    self._refused = False
    self._lock = threading.Lock()
    self.seconds = 0.0  # spent on handing weights over

  def count_tokens(self, prompt: Any) -> int:
    return self._model.count_tokens(prompt)

  def publish(self) -> None:
    """Hands the policy's weights over, unless that is done. Raises ProposerError."""
    with self._lock:
      if self._published == self._policy.version:
        return
      start = time.monotonic()
      try:
        self._publisher.publish(self._policy)
      except ServerError as error:
        raise ProposerError(f"Weights {name_of(self._policy.version)} did not reach the server: {error}") from error
      finally:
        self.seconds += time.monotonic() - start
      self._published = self._policy.version

  def propose(self, requests: Sequence[Request]) -> list[Response]:
    self.publish()
    adapter = self._publisher.adapter
    try:
      responses = self._model.propose(requests, adapter=adapter)
    except ConfigError as error:
      if not adapter or self._refused:
        raise
      self._refused, self._published = True, None
      raise ProposerError(f"The server refuses adapter {adapter!r}: was it started again? It is handed over once more. "
                          f"({error})") from error
    self._refused = False
    return [self._checked(response, adapter) for response in responses]

  def _checked(self, response: Response, adapter: str) -> Response:
    """The response with the version that wrote it; an adapter is its own version."""
    if adapter:
      response = dataclasses.replace(response, weight_version=adapter)
    wanted = name_of(self._policy.version)
    if response.weight_version != wanted and response.finish != "abort":
      self._published = None
      raise ProposerError(f"The server answered with weights {response.weight_version!r} instead of {wanted!r}: was it "
                          "started again? They are handed over once more.")
    if not response.logprobs and response.token_ids:
      raise ConfigError("The server tells no log-probs of its replies, which the update needs: expected one that "
                        "speaks SGLang's protocol (return_logprob).")
    return response
