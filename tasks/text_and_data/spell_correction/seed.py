def correct(typed, lexicon, counts):
    found = []
    for word in typed:
        scores = []
        for other, count in zip(lexicon, counts):
            near = sum(map(str.__eq__, word, other))
            score = 1.0 * near + 0.1 * min(count, 12)
            score += 0.3 * len(set(word) & set(other))
            score -= 1.5 * abs(len(word) - len(other))
            scores.append(score)
        best = scores.index(max(scores))
        found.append(lexicon[best])
    return found
