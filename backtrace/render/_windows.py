"""What a script defines where windows slide over arrays, loops over all windows, and the way back
the same loops with += where they read; and what it defines of attention."""

WINDOWS = {
    "padded": """def padded(x, padding, fill=0.0):
    front = [(0, 0)] * (x.ndim - len(padding))
    return np.pad(x, front + [(p, p) for p in padding], constant_values=fill)""",
    "unpadded": """def unpadded(x, padding):
    return x[(..., *(slice(p, n - p) for p, n in zip(padding, x.shape[-len(padding):])))]""",
    "windows": """def windows(shape, sizes, strides):
    lengths = zip(shape[-len(sizes):], sizes, strides)
    for place in np.ndindex(*((n - size) // step + 1 for n, size, step in lengths)):
        ends = zip(place, strides, sizes)
        yield (..., *place), (..., *(slice(k * s, k * s + size) for k, s, size in ends))""",
    "convolved": """def convolved(x, w, shape, strides, padding):
    x, f = padded(x, padding), np.zeros(shape)
    axes = range(-len(strides) - 1, 0)
    for place, window in windows(x.shape, w.shape[2:], strides):
        f[place] = np.tensordot(x[window], w, (axes, axes))
    return f""",
    "to_convolved": """def to_convolved(u, w, shape, strides, padding):
    dx = padded(np.zeros(shape), padding)
    for place, window in windows(dx.shape, w.shape[2:], strides):
        dx[window] += np.tensordot(u[place], w, 1)
    return unpadded(dx, padding)""",
    "to_kernels": """def to_kernels(u, x, shape, strides, padding):
    x, dw = padded(x, padding), np.zeros(shape)
    for place, window in windows(x.shape, shape[2:], strides):
        seen = x[window].reshape(-1, *shape[1:])
        dw += np.tensordot(u[place].reshape(-1, shape[0]), seen, (0, 0))
    return dw""",
    "window_sum": """def window_sum(x, shape, sizes, strides, padding):
    x, f = padded(x, padding), np.zeros(shape)
    for place, window in windows(x.shape, sizes, strides):
        f[place] = np.sum(x[window], tuple(range(-len(sizes), 0)))
    return f""",
    "to_window_sum": """def to_window_sum(u, shape, sizes, strides, padding):
    dx = padded(np.zeros(shape), padding)
    for place, window in windows(dx.shape, sizes, strides):
        dx[window] += np.expand_dims(u[place], tuple(range(-len(sizes), 0)))
    return unpadded(dx, padding)""",
    "window_max": """def window_max(x, shape, sizes, strides, padding):
    x, f = padded(x, padding, -np.inf), np.zeros(shape)
    for place, window in windows(x.shape, sizes, strides):
        f[place] = np.max(x[window], tuple(range(-len(sizes), 0)))
    return f""",
    "to_window_max": """def to_window_max(u, f, x, sizes, strides, padding, ties="share"):
    x, dx = padded(x, padding, -np.inf), padded(np.zeros(x.shape), padding)
    axes = tuple(range(-len(sizes), 0))
    for place, window in windows(x.shape, sizes, strides):
        hits = x[window] == np.expand_dims(f[place], axes)
        if ties == "first":
            flat = hits.reshape(*hits.shape[:-len(sizes)], -1)
            hits = (flat & (np.cumsum(flat, -1) == 1)).reshape(hits.shape)
        count = np.sum(hits, axes)
        share = {"all": 1, "none": count == 1}.get(ties, 1 / count)
        dx[window] += hits * np.expand_dims(u[place] * share, axes)
    return unpadded(dx, padding)""",
    "attention_weights": """def attention_weights(Q, K, causal, mask=1):
    scores = Q @ np.swapaxes(K, -2, -1) / np.sqrt(Q.shape[-1])
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) != 0, scores, -np.inf)
    scores = np.where(mask, scores, -np.inf)
    powers = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)""",
    "attended": """def attended(Q, K, V, causal, mask=1):
    return attention_weights(Q, K, causal, mask) @ V""",
    "to_scores": """def to_scores(u, p, V, d):
    r = u @ np.swapaxes(V, -2, -1)
    return p * (r - np.sum(p * r, axis=-1, keepdims=True)) / np.sqrt(d)""",
}
