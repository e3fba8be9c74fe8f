"""Right backward passes written otherwise: other names, another order, equal algebra."""

from __future__ import annotations

import re

from tests.benchmarks.programs import PROGRAMS, Program

_LETTERS = {  # the same line, written otherwise; by program
    "softmax_net": (
        ("ds = p.copy()\nds[np.arange(N), y] -= 1\nds /= N", "ds = (p - np.eye(2)[y]) / N"),
        ("ds /= N", "ds = ds / N"),
        ("ds /= N", "ds *= 1 / N"),
        ("ds.sum(axis=0)", "np.sum(ds, axis=0)"),
        ("ds.sum(axis=0)", "ds.sum(0)"),
        ("ds.sum(axis=0)", "ds.T.sum(axis=1)"),
        ("ds.sum(axis=0)", "np.ones(N) @ ds"),
        ("ds.sum(axis=0)", "N * ds.mean(axis=0)"),
        ("dh = ds.dot(W2.T)", "dh = (W2 @ ds.T).T"),
        ("dh = ds.dot(W2.T)", "dh = np.einsum('ij,kj->ik', ds, W2)"),
        ("dW2 = h.T.dot(ds)", "dW2 = np.einsum('ij,ik->jk', h, ds)"),
        ("dW2 = h.T.dot(ds)", "dW2 = (ds.T @ h).T"),
        ("da = dh.copy()\nda[a <= 0] = 0", "da = dh * (a > 0)"),
        ("da = dh.copy()\nda[a <= 0] = 0", "da = np.where(a > 0, dh, 0)"),
        ("da = dh.copy()\nda[a <= 0] = 0", "da = dh\nda[h == 0] = 0"),
        ("da = dh.copy()\nda[a <= 0] = 0", "da = dh * np.sign(h)"),
        ("dW1 = X.T.dot(da)\ndW1 += 0.1*W1", "dW1 = 0.1*W1 + np.dot(X.T, da)"),
        ("dW1 = X.T.dot(da)\ndW1 += 0.1*W1", "dW1 = 0.1*W1\ndW1 += X.T @ da"),
        ("dh = ds.dot(W2.T)\nda = dh.copy()\n", "da = ds.dot(W2.T)\n"),
    ),
    "svm": (
        ("dscores = dscores / N\ndW = X.T @ dscores", "dW = X.T @ dscores / N\ndscores /= N"),
        ("dW = X.T @ dscores\ndW += 0.2 * W", "dW = 0.2 * W + X.T @ dscores"),
        ("(margins > 0) * 1.0", "(margins > 0).astype(float)"),
        ("(margins > 0) * 1.0", "np.where(margins > 0, 1.0, 0.0)"),
        ("np.sum(dscores, axis=0)", "dscores.sum(axis=0)"),
        ("dX = dscores @ W.T", "dX = (W @ dscores.T).T"),
    ),
    "attention": (
        ("dv = weights.T @ dout", "dv = (dout.T @ weights).T"),
        (
            "dweights = dout @ v.T\n"
            "dscores = weights * (dweights - np.sum(dweights * weights, axis=1, keepdims=True))",
            "dw = dout @ v.T\n"
            "dscores = weights * dw - weights * (weights * dw).sum(axis=-1, keepdims=True)",
        ),
        (
            "np.sum(dweights * weights, axis=1, keepdims=True)",
            "(dweights * weights).sum(1)[:, None]",
        ),
        (
            "dq = dscores @ k / np.sqrt(2)\ndk = dscores.T @ q / np.sqrt(2)",
            "dscores = dscores / np.sqrt(2)\ndq = dscores @ k\ndk = dscores.T @ q",
        ),
        (
            "dX = dq @ Wq.T + dk @ Wk.T + dv @ Wv.T",
            "dX = dv @ Wv.T\ndX += dk @ Wk.T\ndX += dq @ Wq.T",
        ),
        ("dX = dq @ Wq.T + dk @ Wk.T + dv @ Wv.T", "dX = (Wq @ dq.T + Wk @ dk.T + Wv @ dv.T).T"),
        ("/ np.sqrt(2)\ndk", "* 2**-0.5\ndk"),
    ),
    "lstm": (
        ("dc = dt * (1 - t**2)", "dc = dt - dt * t * t"),
        ("dc = dt * (1 - t**2)", "dc = dh * o / np.cosh(c)**2"),
        ("dh = 2 * h", "dh = h + h"),
        ("db = da.sum(axis=0)", "db = np.sum(da, 0)"),
        ("dt = dh * o\ndc = dt * (1 - t**2)", "dc = 2 * h * o * (1 - t**2)"),
        ("df = dc * c0", "df = np.multiply(c0, dc)"),
        ("dWh = h0.T @ da", "dWh = np.dot(h0.T, da)"),
    ),
    "regression": (
        ("dw = X.T.dot(derror)", "dw = derror @ X"),
        ("dw = X.T.dot(derror)", "dw = (X * derror[:, None]).sum(axis=0)"),
        ("dw = X.T.dot(derror)", "dw = X.T @ error / n"),
        ("db = np.sum(derror)", "db = error.mean()"),
        ("dX = np.outer(derror, w)", "dX = derror[:, None] * w"),
        ("dX = np.outer(derror, w)", "dX = derror.reshape(-1, 1) @ w.reshape(1, -1)"),
    ),
    "dropout": (
        ("dy = 2 * (y - T) / y.size", "dy = (y - T) * 2.0\ndy /= y.size"),
        ("da = dh * (a > 0)", "da = dh.copy()\nda[a < 0] = 0"),
        ("da = dh * (a > 0)", "da = np.where(h > 0, dh, 0.0)"),
        ("ddropped = dy @ W2.T\ndh = ddropped * mask", "dh = (dy @ W2.T) * mask"),
        ("dh = ddropped * mask\nda = dh * (a > 0)", "da = ddropped * mask * (a > 0)"),
        ("dh = ddropped * mask", "dh = ddropped * keep / p"),
    ),
    "rnn": (
        ("dhraw = (1 - hs[t] * hs[t]) * dh", "dhraw = dh * (1 - hs[t] ** 2)"),
        ("dWhy += np.dot(dy, hs[t].T)", "dWhy = dWhy + dy @ hs[t].T"),
        ("dWhy += np.dot(dy, hs[t].T)", "dWhy += np.outer(dy, hs[t])"),
        ("reversed(range(len(inputs)))", "range(len(inputs) - 1, -1, -1)"),
        ("reversed(range(len(inputs)))", "range(len(inputs))[::-1]"),
        (
            "    dby += dy\n    dh = np.dot(Why.T, dy) + dhnext",
            "    dh = dhnext + np.dot(Why.T, dy)\n    dby += dy",
        ),
        (
            "    dy = np.copy(ps[t])\n    dy[targets[t]] -= 1",
            "    dy = ps[t].copy()\n    dy[targets[t], 0] -= 1",
        ),
    ),
    "embedding": (
        (
            "np.add.at(dC, ix, demb)",
            "for a in range(3):\n    for b in range(2):\n        dC[ix[a, b]] += demb[a, b]",
        ),
        (
            "dC = np.zeros_like(C)\nnp.add.at(dC, ix, demb)",
            "dC = np.eye(5)[ix.reshape(-1)].T @ demb.reshape(-1, 3)",
        ),
        ("demb = dflat.reshape(emb.shape)", "demb = dflat.reshape(3, 2, 3)"),
        ("dlogits /= n", "dlogits = dlogits / n"),
        (
            "dlogits = p.copy()\ndlogits[np.arange(n), y] -= 1\ndlogits /= n",
            "dlogits = (p - np.eye(4)[y]) / n",
        ),
    ),
    "logistic": (
        ("dz = dA * A * (1 - A)", "dz = (A - y) / m"),
        ("dA = -(y / A - (1 - y) / (1 - A)) / m\ndz = dA * A * (1 - A)", "dz = (A - y) / m"),
        (
            "dA = -(y / A - (1 - y) / (1 - A)) / m\n"
            "dz = dA * A * (1 - A)\n"
            "dw = np.dot(X.T, dz)\n"
            "db = np.sum(dz)",
            "dz = A - y\ndw = np.dot(X.T, dz) / m\ndb = np.mean(dz)",
        ),
        ("dw = np.dot(X.T, dz)", "dw = dz @ X"),
        ("-(y / A - (1 - y) / (1 - A)) / m", "(A - y) / (A * (1 - A)) / m"),
    ),
    "ridge": (
        ("dw = X.T @ dpred + lam * w", "dw = lam * w\ndw += X.T @ dpred"),
        ("db = dpred.sum(axis=0)", "db = 2 * residual.mean(axis=0)"),
        ("dresidual = 2 * residual / N\ndpred = dresidual", "dpred = 2 * residual / N"),
        ("X.T @ dpred", "(dpred.T @ X).T"),
    ),
    "gru": (
        ("dz = dh * (h0 - n)", "dz = dh * h0 - dh * n"),
        ("dan = dn * (1 - n**2)", "dan = dn * (1 - n) * (1 + n)"),
        ("dh0 += daz @ Uz.T", "dh0 = dh0 + daz @ Uz.T"),
        (
            "dx = dan @ Wn.T + dar @ Wr.T + daz @ Wz.T",
            "dx = daz @ Wz.T\ndx += dar @ Wr.T\ndx += dan @ Wn.T",
        ),
        ("dar = dr * r * (1 - r)", "dar = dr * (r - r**2)"),
        ("dn = dh * (1 - z)", "dn = dh - dh * z"),
    ),
    "autoencoder": (
        ("dW = X.T @ da\ndW += dR.T @ h", "dW = X.T @ da + dR.T @ h"),
        ("dW = X.T @ da\ndW += dR.T @ h", "dW = (h.T @ dR).T\ndW += X.T @ da"),
        ("da = dh * (1 - h**2)", "da = dh * (1 - np.tanh(a) ** 2)"),
        ("dE = E / len(X)\ndR = dE", "dR = E / len(X)\ndE = dR"),
        ("dX = da @ W.T - dE", "dX = -dE\ndX += da @ W.T"),
        ("dX = da @ W.T - dE", "dX = da @ W.T - E / 5"),
    ),
    "residual": (
        ("du = np.where(u > 0, dv, 0.1 * dv)", "du = dv * np.where(u > 0, 1, 0.1)"),
        ("du = np.where(u > 0, dv, 0.1 * dv)", "du = dv.copy()\ndu[u < 0] *= 0.1"),
        ("dx = dy.copy()", "dx = dy + 0"),
        ("dw = dy.copy()\ndx = dy.copy()", "dx = dy.copy()\ndw = dy"),
        ("dx += du @ W1.T", "dx = dx + du @ W1.T"),
        ("dy = 2 * (y - t) / len(x)", "dy = (y - t) / 2"),
    ),
    "deep_net": (
        ("dZ2 = np.multiply(dA2, Z2 > 0)", "dZ2 = dA2.copy()\ndZ2[Z2 <= 0] = 0"),
        ("np.multiply(dA1, 1 - np.power(A1, 2))", "dA1 * (1 - A1**2)"),
        ("dW2 = 1 / m * np.dot(dZ2, A1.T)", "dW2 = dZ2 @ A1.T / m"),
        (
            "dA2 = np.dot(W3.T, dZ3)\ndZ2 = np.multiply(dA2, Z2 > 0)",
            "dZ2 = np.dot(W3.T, dZ3) * (A2 > 0)",
        ),
    ),
    "conv1d": (
        ("dx[i : i + 3] += w * dz[i]", "dx[i : i + 3] = dx[i : i + 3] + w * dz[i]"),
        (
            "    dx[i : i + 3] += w * dz[i]\n    dw += x[i : i + 3] * dz[i]",
            "    dw += x[i : i + 3] * dz[i]\n"
            "    for j in range(3):\n"
            "        dx[i + j] += w[j] * dz[i]",
        ),
        ("dz = da * (1 - a**2)", "dz = da - da * a**2"),
        ("for i in range(n):\n    dx", "for i in range(n - 1, -1, -1):\n    dx"),
        ("db = dz.sum()", "db = np.sum(dz)"),
    ),
    "layernorm:layernorm": (
        ("dbeta = dout.sum(axis=0)", "dbeta = np.sum(dout, axis=0)"),
        ("np.sum(dout * xhat, axis=0)", "(xhat * dout).sum(0)"),
        ("/ (D * std)", "/ std / D"),
        (
            "xhat * np.sum(dxhat * xhat, axis=1, keepdims=True)",
            "np.sum(dxhat * xhat, axis=1)[:, None] * xhat",
        ),
    ),
    "batchnorm:batchnorm": (
        ("dsq = 1.0 / N * np.ones((N, D)) * dvar", "dsq = dvar / N * np.ones_like(xmu)"),
        ("dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)", "dmu = -(dxmu1 + dxmu2).sum(axis=0)"),
        ("dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)", "dmu = -np.sum(dxmu1, axis=0)"),
        ("dsqrtvar = -1.0 / (sqrtvar**2) * divar", "dsqrtvar = -divar * ivar**2"),
        ("dvar = 0.5 * 1.0 / np.sqrt(var + eps) * dsqrtvar", "dvar = 0.5 * dsqrtvar * ivar"),
        ("dx2 = 1.0 / N * np.ones((N, D)) * dmu\n    dx = dx1 + dx2", "dx = dx1 + dmu / N"),
        ("divar = np.sum(dxhat * xmu, axis=0)", "divar = (xmu * dxhat).sum(0)"),
    ),
    "batchnorm_closed:batchnorm": (
        ("dx_norm.sum(axis=0)", "(dbeta * gamma)"),
        ("(dx_norm * x_norm).sum(axis=0)", "dgamma * gamma"),
        (
            "dx_norm = dout * gamma\n"
            "    dx = (N * dx_norm - dx_norm.sum(axis=0) - x_norm * (dx_norm *"
            " x_norm).sum(axis=0)) / (N * std)",
            "dx = gamma / std * (dout - dbeta / N - x_norm * dgamma / N)",
        ),
        ("dx_norm = dout * gamma", "dx_norm = gamma * dout"),
        (
            "(N * dx_norm - dx_norm.sum(axis=0) - x_norm * (dx_norm * x_norm).sum(axis=0)) / (N"
            " * std)",
            "(dx_norm - dx_norm.mean(axis=0) - x_norm * (dx_norm * x_norm).mean(axis=0)) / std",
        ),
    ),
    "rnn_step:rnn_step": (
        ("da = dnext_h * (1 - next_h**2)", "da = dnext_h - dnext_h * next_h * next_h"),
        ("dx = da.dot(Wx.T)", "dx = np.einsum('nh,dh->nd', da, Wx)"),
        ("db = np.sum(da, axis=0)", "db = np.ones(3) @ da"),
        ("dWh = prev_h.T.dot(da)", "dWh = (da.T @ prev_h).T"),
    ),
    "lstm_step:lstm_step": (
        ("dai = di * i * (1 - i)", "dai = di * (i - i * i)"),
        (
            "da = np.hstack((dai, daf, dao, dag))",
            "da = np.concatenate([dai, daf, dao, dag], axis=1)",
        ),
        (
            "    df = dnext_c * prev_c\n    dprev_c = dnext_c * f\n",
            "    dprev_c = dnext_c * f\n    df = dnext_c * prev_c\n",
        ),
        (
            "dnext_c = dnext_h * o * (1 - tanh_c**2)",
            "dtanh = dnext_h * o\n    dnext_c = dtanh * (1 - tanh_c**2)",
        ),
        ("db = da.sum(axis=0)", "db = np.sum(da, axis=0)"),
    ),
    "convolution:conv": (
        (
            "db[f] += dout[n, f, i, j]\n                    dw[f] += window * dout[n, f, i, j]",
            "dw[f] += dout[n, f, i, j] * window\n                    db[f] += dout[n, f, i, j]",
        ),
        ("dw[f] += window", "dw[f, :, :, :] += window"),
    ),
    "maxpool:pool": (
        ("mask = window == np.max(window)", "mask = (window == window.max())"),
        ("+= mask * dout[i, j]", "= mask * dout[i, j]"),
        ("+= mask * dout[i, j]", "+= dout[i, j] * (window >= np.max(window))"),
    ),
    "cs231n:affine": (
        ("dx = dout.dot(w.T).reshape(x.shape)", "dx = np.reshape(dout @ w.T, x.shape)"),
        (
            "dw = x.reshape(x.shape[0], -1).T.dot(dout)",
            "dw = np.dot(x.reshape(x.shape[0], -1).T, dout)",
        ),
        ("db = np.sum(dout, axis=0)", "db = dout.sum(axis=0)"),
    ),
    "cs231n:relu": (
        ("dx = dout * (x > 0)", "dx = np.where(x > 0, dout, 0)"),
        ("dx = dout * (x > 0)", "dx = dout.copy()\n    dx[x <= 0] = 0"),
        ("dx = dout * (x > 0)", "dx = dout\n    dx[x < 0] = 0"),
    ),
    "layers:Affine": (
        ("dx = np.dot(dout, self.W.T)", "dx = dout @ self.W.T"),
        ("self.dW = np.dot(self.x.T, dout)", "self.dW = self.x.T.dot(dout)"),
        ("np.sum(dout, axis=0)", "dout.sum(0)"),
    ),
    "layers:Sigmoid": (
        ("dx = dout * (1.0 - self.out) * self.out", "dx = dout * self.out * (1 - self.out)"),
        ("dx = dout * (1.0 - self.out) * self.out", "dx = dout * (self.out - self.out**2)"),
    ),
    "layers:SoftmaxWithLoss": (
        ("dx = (self.y - self.t) / batch_size", "dx = self.y / batch_size - self.t / batch_size"),
        ("dx = (self.y - self.t) / batch_size", "dx = self.y - self.t\n        dx /= batch_size"),
    ),
    "losses:softmax_loss": (
        ("dW = X.T.dot(dscores) / N", "dscores /= N\n    dW = X.T.dot(dscores)"),
        (
            "dW = X.T.dot(dscores) / N\n    dW += 2 * reg * W",
            "dW = X.T.dot(dscores) / N + 2 * reg * W",
        ),
        ("dscores[np.arange(N), y] -= 1\n    dW", "dscores -= np.eye(3)[y]\n    dW"),
    ),
    "losses:TwoLayerNet.loss": (
        ("dscores = probs\n", "dscores = probs.copy()\n"),
        ("dh1[h1 <= 0] = 0", "dh1 = dh1 * (h1 > 0)"),
        ("h1.T.dot(dscores) + 2 * reg * W2", "2 * reg * W2 + np.dot(h1.T, dscores)"),
        ("np.sum(dh1, axis=0)", "dh1.sum(axis=0)"),
    ),
}
_MADE = (  # the same in every program where it stands
    (r"\.dot\((\w+(\.T)?)\)(?!\.)", r" @ \1"),
    (r"np\.sum\((\w+), axis=(\d)\)", r"\1.sum(axis=\2)"),
    (r"\b(\w+)\.T @ (\w+)$", r"np.matmul(\1.T, \2)"),
    (r"\b(d\w+) \+= (.+)", r"\1 = \1 + (\2)"),
)


def _variants() -> list[tuple[str, str]]:
    found = []
    for program in PROGRAMS:
        texts = {program.text}
        for old, new in _LETTERS.get(str(program), ()):
            assert old in program.text, (str(program), old)
            texts.add(program.text.replace(old, new))
        for pattern, new in _MADE:
            texts.add(re.sub(pattern, new, program.text, flags=re.MULTILINE))
        texts.add(_renamed(program))
        found += [(str(program), text) for text in sorted(texts - {program.text})]
    return found


def _renamed(program: Program) -> str:
    """The gradients of a script by other names: dL_dW1 for dW1."""
    if program.name:
        return program.text
    return re.sub(r"\bd([A-Z]\w*)\b", r"dL_d\1", program.text)


VARIANTS = _variants()
_BY_NAME = {str(program): program for program in PROGRAMS}


def variant(number: int) -> tuple[Program, str]:
    name, text = VARIANTS[number]
    return _BY_NAME[name], text
