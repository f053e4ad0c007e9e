"""A signal waits for the end of a step, and none is lost."""

import os
import signal
import threading

import pytest

from eft_jax.train import MeshSettings, mesh, signals


@pytest.fixture
def came():
  """Signals that reached the handler which stood before."""
  found = []
  old = signal.signal(signal.SIGTERM, lambda number, frame: found.append(number))
  yield found
  signal.signal(signal.SIGTERM, old)


@pytest.fixture
def stopping():
  return signals.Stopping(mesh.make(MeshSettings()))


def test_a_signal_is_held_back_until_it_is_acted_on(came, stopping):
  with stopping.deferring():
    assert not stopping and stopping.vote() is None
    os.kill(os.getpid(), signal.SIGTERM)
    assert stopping and not came
    stopping.count(None)
    stopping.act()
    assert came == [signal.SIGTERM]


def test_a_signal_after_the_last_step_is_handed_over_at_the_end(came, stopping):
  with stopping.deferring():
    os.kill(os.getpid(), signal.SIGTERM)
  assert came == [signal.SIGTERM]
  os.kill(os.getpid(), signal.SIGTERM)
  assert came == [signal.SIGTERM] * 2  # the handler is back


def test_votes_of_several_processes_decide(came, stopping, monkeypatch):
  monkeypatch.setattr(signals.jax, "process_count", lambda: 2)
  two = signals.Stopping(mesh.make(MeshSettings()))
  with two.deferring():
    two.count(two.vote())
    assert not two
    os.kill(os.getpid(), signal.SIGTERM)
    assert not two  # the others do not know yet
    two.count(two.vote())
    assert two
    two.count(None)
    assert two
  assert not came  # all finish together


def test_another_thread_gets_no_signals(stopping):
  def body():
    with stopping.deferring():
      done.append(signal.getsignal(signal.SIGTERM))
  done = []
  thread = threading.Thread(target=body)
  thread.start()
  thread.join()
  assert done == [signal.getsignal(signal.SIGTERM)]
