def patterns(accepted, rejected):
    found = []
    for yes, no in zip(accepted, rejected):
        ranked = []
        pairs = {w[i:i + 2] for w in yes for i in range(len(w) - 1)}
        for p in sorted(pairs):
            gain = 1.0 * sum(p in w for w in yes)
            gain -= 0.7 * sum(p in w for w in no)
            ranked.append((-gain, p))
        ranked.sort()
        top = [p for loss, p in ranked[:3] if loss < -1.5]
        found.append("|".join(top or [ranked[0][1]]))
    return found
