"""Graph colouring: boards without a pair at the published number of colours, the rule and the reference program."""

import itertools

import numpy as np
import pytest

from eft_jax import core

# No two squares of one colour on one line; found by tabu search.
BOARDS = {
    6: "251034163520340165516402435216024653",
    8: "7401823632564081684723500365182721803645862451031578046240136578",
    9: "134079586572368109086415237643907812817256043209843761361720495790531628458192370",
}
HIDDEN = core.load("graph_coloring_random_own")
REFERENCE = """
import numpy as np

def solve(adjacent):
    rng = np.random.default_rng(0)
    B, n = adjacent.shape[:2]
    rows, least, best = np.arange(B), np.full(B, n + 1), np.zeros((B, n), int)
    for k in range(14):
        noise = rng.normal(0, 0.3 + 2 * (k % 3), (B, n))
        seen, colors = np.zeros((B, n, 30)), np.full((B, n), -1)
        for _ in range(n):
            rank = (seen > 0).sum(2) * n + adjacent.sum(2) + noise * n / 4 - 1e9 * (colors >= 0)
            node = rank.argmax(1)
            color = (seen[rows, node] > 0).argmin(1)
            colors[rows, node] = color
            seen[rows, :, color] += adjacent[rows, node]
        got = colors.max(1) + 1
        better = got < least
        best[better], least[better] = colors[better], got[better]
    return [squeeze(graph, row, rng) for graph, row in zip(adjacent, best)]

def squeeze(graph, colors, rng, steps=250):
    # Tabu search with one colour less, from the colouring without its smallest class.
    while True:
        k, n = colors.max(), len(graph)
        now = np.where(colors == np.bincount(colors).argmin(), rng.integers(k, size=n), colors)
        now = np.unique(np.concatenate([now, np.arange(k)]), return_inverse=True)[1][:n] % k
        count = np.stack([graph @ (now == c) for c in range(k)], 1)
        tabu = np.zeros((n, k))
        for step in range(steps):
            here = count[np.arange(n), now]
            if not here.any():
                break
            delta = count - here[:, None] + 1e6 * (here == 0)[:, None] + 1e3 * (tabu > step)
            delta[np.arange(n), now] = 1e9
            node, color = np.unravel_index((delta + rng.random(delta.shape)).argmin(), delta.shape)
            tabu[node, now[node]] = step + 7 + rng.integers(5)
            count[:, now[node]] -= graph[node]
            count[:, color] += graph[node]
            now[node] = color
        if count[np.arange(n), now].any():
            return colors
        colors = now
"""


@pytest.mark.parametrize("n", BOARDS)
def test_boards_with_the_published_number_of_colours(n, judge):
  task = core.load(f"graph_coloring_queen_{n}")
  colors = [int(c) for c in BOARDS[n]]
  score = judge(task, colors)
  assert score.value == task.best_known == 0 and task.score(0.0) == 1
  assert len(colors) == n * n and f"with {max(colors) + 1} colours" in task.statement
  # The first row needs n colours at least.
  assert len(set(colors)) >= n


@pytest.mark.parametrize("n", BOARDS)
def test_pairs_equal_a_second_count(n, judge):
  task = core.load(f"graph_coloring_queen_{n}")
  colors = np.random.default_rng(n).integers(0, n, n * n)
  squares = list(itertools.product(range(n), repeat=2))
  pairs = sum((r == s or c == d or abs(r - s) == abs(c - d)) and colors[r * n + c] == colors[s * n + d]
              for (r, c), (s, d) in itertools.combinations(squares, 2))
  assert judge(task, colors).value == pairs > 0
  assert judge(task, np.zeros(n * n)).value == judge(task, np.full(n * n, 3)).value  # all squares alike


def test_the_reference_is_the_best_known_value(run):
  values = [run(HIDDEN, REFERENCE, key=f"key {i}").value for i in range(1)]
  assert np.mean(values) == pytest.approx(HIDDEN.best_known, abs=0.06) and min(values) > 1


def rule(adjacent) -> int:
  """Brelaz's rule with sets."""
  n, colors = len(adjacent), {}
  near = [set(np.flatnonzero(row).tolist()) for row in adjacent]
  while len(colors) < n:
    node = max((i for i in range(n) if i not in colors),
               key=lambda i: (len({colors[j] for j in near[i] if j in colors}), len(near[i]), -i))
    colors[node] = next(c for c in itertools.count() if c not in {colors[j] for j in near[node] if j in colors})
  return len(set(colors.values()))


def test_hidden_values_equal_a_second_computation(judge):
  seen = []
  score = judge(HIDDEN, lambda adjacent: seen.extend(adjacent) or np.tile(np.arange(50), (24, 1)))
  assert list(score.instances) == [rule(adjacent) / 50 for adjacent in seen[:8]]


def test_messages_are_useful(judge):
  task = core.load("graph_coloring_queen_6")
  for wrong, message in ((np.full(36, 7), "at most 6"), (np.full(36, -1), "at least 0"), (np.zeros(35), "shape"),
                         (np.full(36, 0.5), "an integer"), ("0" * 36, "a str")):
    with pytest.raises(core.Invalid, match=message):
      judge(task, wrong)
  with pytest.raises(core.Invalid, match=r"instance 0: nodes \d+ and \d+ are joined and have one colour"):
    judge(HIDDEN, np.zeros((24, 50)))
  with pytest.raises(core.Invalid, match="at most 49"):
    judge(HIDDEN, np.tile(np.arange(1, 51), (24, 1)))
