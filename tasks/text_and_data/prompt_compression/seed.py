def compress(texts):
    kept = []
    for words in texts:
        keep = []
        for i, word in enumerate(words):
            worth = 0.1 * len(word)
            worth += 0.5 * (word[0].isupper() or word.isdigit())
            worth -= 0.1 * min(words.count(word), 4)
            if worth > 0.2:
                keep.append(i)
        kept.append(keep)
    return kept
