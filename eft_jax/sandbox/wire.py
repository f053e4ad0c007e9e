"""Messages between the pool and its evaluation workers: the codec over a stream socket. Both ends are trusted."""

from __future__ import annotations

import socket

from eft_jax.sandbox.inside import codec

_MAX_BYTES = 64 << 20  # a construction, a previous one and texts


def send(channel: socket.socket, value: object) -> None:
  content = codec.encode(value, _MAX_BYTES)
  channel.sendall(codec.HEADER.pack(0, len(content)) + content)


def receive(channel: socket.socket) -> object:
  """The next message. Raises EOFError when the other end is gone."""
  _, length = codec.HEADER.unpack(_exactly(channel, codec.HEADER.size))
  return codec.decode(_exactly(channel, length))


def _exactly(channel: socket.socket, size: int) -> bytearray:
  data = bytearray()
  while len(data) < size:
    piece = channel.recv(min(size - len(data), 1 << 20))
    if not piece:
      raise EOFError("The other end of the channel is gone.")
    data += piece
  return data
