def match(wishes, ranks):
    answers = []
    for wish, rank in zip(wishes.tolist(), ranks.tolist()):
        n = len(wish)
        asked = [0] * n
        held = [-1] * n
        most = 2
        while -1 in held:
            free = [a for a in range(n) if a not in held]
            for a in free[:most]:
                b = wish[a][asked[a]]
                asked[a] += 1
                if held[b] < 0 or rank[b][a] < rank[b][held[b]]:
                    held[b] = a
        answers.append(held)
    return answers
