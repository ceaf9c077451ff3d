"""Whether two sides compute the same."""


def difference(peer, ours):
    """The largest difference of what the peer's steps give for their batches ({NAME: [numbers]}), of the largest of these
    numbers; infinite where something is missing or no number."""
    if len(peer) != len(ours):
        return float("inf")
    worst = 0
    for theirs, mine in zip(peer, ours):
        if len(theirs) != len(mine):
            return float("inf")
        for a, b in zip(theirs, mine):
            for name, numbers in a.items():
                if len(numbers) != len(b.get(name, [])):
                    return float("inf")
                one = max(abs(x - y) for x, y in zip(numbers, b[name])) / max(abs(x) for x in numbers)
                worst = max(worst, one) if one == one else float("inf")
    return worst
