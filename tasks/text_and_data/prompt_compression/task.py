"""Prompt compression: which words of a text to keep so that questions on it can still be answered. Solver shape.

The reader is a matching rule and no model: a question is answered where the words of its fact stand close together in
what was kept. Texts are made of facts, filler and remarks without facts.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 32
SENTENCES = {"search": 12, "full": 80}
REACH = 5
ASKED = ("height", "age", "price", "colour", "owner", "weight")
NEVER_ASKED = ("mood", "rumour", "nickname", "slogan")
FILLER = ("indeed", "quite", "rather", "often", "perhaps", "today", "really",
          "almost", "still", "there", "here", "just")
REMARKS = ("nobody in the town of {name} remembers when that was written on page {number}",
           "as everyone knows , {name} was mentioned {number} times in the news last week",
           "visitors say that it is worth the journey and that the {attribute} does not matter")
FIRST = ("the {attribute} of {name} is {value}", "{name} has , as far as we know , the {attribute} {value}",
         "it is said that {value} is the {attribute} of {name}", "{name} is known for a {attribute} of about {value}")
AGAIN = ("its {attribute} is {value}", "moreover it has a {attribute} of {value}",
         "for the {attribute} they found {value}")

STATEMENT = """Shorten texts so that questions on them can still be answered. A text is a list of words; its \
sentences end with ".". Some sentences state a fact: a name (the only words with a capital letter), an attribute of \
it, and a value, in changing order; a sentence with "its", "it" or "they" may go on about the name before. Others say \
nothing. Questions ask for the value of an attribute of a name; some attributes are never asked for.

Write `compress(texts)`. `texts` is a list of {instances} lists of words. Return a list of {instances} lists: the \
places, in increasing order, of the words to keep.

Invalid: another number of lists, places that are not integers of the text or do not increase.

Score: the mean over hidden texts of answered / asked - kept / words. A question is answered where its name, \
attribute and value, taken from the sentences of its fact, stand within {reach} neighbouring kept words; higher is \
better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for \
all texts."""

BRIEF = ("Return the places of the words to keep of each text so that its facts survive. Maximise answered "
         "questions less the share kept.")


@functools.lru_cache(maxsize=64)
def text(seed: int, sentences: int) -> tuple[tuple[str, ...], tuple[tuple[int, int, int], ...]]:
  """Words, and the places of (name, attribute, value) of every fact that is asked for."""
  rng = np.random.default_rng(seed)
  words: list[str] = []
  facts: list[tuple[int, int, int]] = []
  subject = -1  # place of the name that "it" means
  for _ in range(sentences):
    kind = rng.random()
    attribute = str(rng.choice(ASKED + NEVER_ASKED))
    slots = {"name": _name(rng), "attribute": attribute, "number": str(rng.integers(2, 99)),
             "value": str(rng.integers(2, 999)) if rng.random() < 0.6 else _name(rng).lower()}
    again = subject >= 0 and kind < 0.3
    form = str(rng.choice(REMARKS if kind > 0.75 else AGAIN if again else FIRST))
    places = {}
    for part in form.split():
      while rng.random() < 0.15:
        words.append(str(rng.choice(FILLER)))
      key = part.strip("{}") if part.startswith("{") else ""
      places[key] = len(words)
      words.append(slots.get(key, part))
    words.append(".")
    subject = places.get("name", subject if again else -1) if kind <= 0.75 else -1
    if kind <= 0.75 and attribute in ASKED:
      facts.append((subject, places["attribute"], places["value"]))
  return tuple(words), tuple(facts)


def _name(rng: np.random.Generator) -> str:
  parts = ("ba", "do", "ke", "lu", "mi", "no", "pa", "ri", "su", "ta", "ve", "zo")
  return "".join(rng.choice(parts, int(rng.integers(2, 4)))).capitalize()


def answered(facts: tuple[tuple[int, int, int], ...], kept: list[int]) -> list[bool]:
  """Whether the words of each fact stand within REACH neighbouring kept words."""
  rank = {place: order for order, place in enumerate(kept)}
  found = []
  for fact in facts:
    ranks = [rank.get(place) for place in fact]
    found.append(None not in ranks and max(ranks) - min(ranks) < REACH)
  return found


def evaluate(session: core.Session) -> core.Score:
  texts = [text(seed, SENTENCES[session.fidelity]) for seed in PUBLIC_SEEDS + tuple(session.seeds("texts", HIDDEN))]
  result = session.call("compress", [list(words) for words, _ in texts])
  if type(result) is not list or len(result) != len(texts):
    size = f"{len(result)} entries" if type(result) is list else f"a {type(result).__name__}"
    raise core.Invalid(f"compress returned {size}, expected a list of {len(texts)} lists")
  values, lost = [], []
  for number, ((words, facts), places) in enumerate(zip(texts, result, strict=True)):
    kept = checks.array(places, (range(len(words) + 1),), dtype=int, low=0, high=len(words) - 1,
                        name=f"entry {number}").tolist()
    if any(a >= b for a, b in zip(kept, kept[1:], strict=False)):
      raise core.Invalid(f"entry {number} does not increase")
    right = answered(facts, kept)
    values.append(sum(right) / max(1, len(facts)) - len(kept) / len(words))
    if number < len(PUBLIC_SEEDS):
      lost += [" ".join(words[p] for p in fact) for fact, ok in zip(facts, right, strict=True) if not ok]
  public, hidden = float(np.mean(values[:len(PUBLIC_SEEDS)])), float(np.mean(values[len(PUBLIC_SEEDS):]))
  return core.Score(hidden, {"public": public, "gap": hidden - public, "lost_public_facts": len(lost)},
                    {"lost facts of public texts": "; ".join(lost[:6])}, instances=tuple(values[:len(PUBLIC_SEEDS)]))


TASKS = [
    core.Task(
        name="prompt_compression_own", family="prompt_compression", domain="text_and_data",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, reach=REACH), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="compress", direction="max",
        baseline=0.157, spread=0.14, best_known=0.875, source="our own reference: rules by the grammar of the texts",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
