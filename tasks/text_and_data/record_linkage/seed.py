def link(left, right):
    weight = [1.0, 1.0, 0.5, 2.0, 2.5]
    pairs, used = [], set()
    for i, row in enumerate(left):
        best, top = None, 2.4
        for j, mate in enumerate(right):
            score = 0.2 * (row[1][:2] == mate[1][:2])
            for w, a, b in zip(weight, row, mate):
                score += w * (a == b != "")
            if j not in used and score > top:
                best, top = j, score
        if best is not None:
            used.add(best)
            pairs.append([i, best])
    return pairs
