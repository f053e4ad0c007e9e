def pack(pieces):
    rows = [[0, 0, 0, 0] for _ in pieces]
    total = sum(len(piece) for piece in pieces)
    side = 1.1 * total ** 0.5 + 4
    sizes = [piece.max(axis=0) + 1 for piece in pieces]
    order = sorted(range(len(pieces)), key=lambda i: -sizes[i][1])
    x = y = tall = 0
    for i in order:
        wide, high = sizes[i]
        if x + 1.2 * wide > side:
            x, y, tall = 0, y + tall, 0
        rows[i][:2] = [x, y]
        x += int(wide)
        tall = max(tall, int(high))
    return rows
