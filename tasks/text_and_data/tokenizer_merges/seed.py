from collections import Counter

def pieces(texts, count):
    found = []
    for text in texts:
        score = Counter()
        for size in range(2, 5):
            for i in range(len(text) - size):
                score[text[i:i + size]] += 1.0 + 0.1 * size
        for piece in score:
            if " " in piece[1:]:
                score[piece] *= 0.3
        ranked = sorted(score, key=lambda p: (-score[p], p))
        found.append(ranked[:count])
    return found
