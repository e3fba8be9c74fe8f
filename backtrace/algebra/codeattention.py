"""The algebra of code, of attention: helpers that the script defines; in PyTorch its own."""

from __future__ import annotations

from backtrace.algebra import Value
from backtrace.algebra.coded import Coded, Shape


class AttentionCode:
    helpers: set[str]

    def call(self, name: str, *arguments: object, shape: Shape | None = None) -> Coded:
        raise NotImplementedError

    def helper(self, name: str, *arguments: object, shape: Shape | None = None) -> Coded:
        raise NotImplementedError

    def attended(self, Q: Coded, K: Coded, V: Coded, causal: int, *mask: Coded) -> Coded:
        self.helpers.add("attention_weights")
        shape = (*Q.shape[:-1], V.shape[-1])
        return self.helper("attended", Q, K, V, str(bool(causal)), *mask, shape=shape)

    def attention_weights(self, _: Coded, Q: Coded, K: Coded, causal: int, *mask: Coded) -> Coded:
        shape = (*Q.shape[:-1], K.shape[-2])
        return self.helper("attention_weights", Q, K, str(bool(causal)), *mask, shape=shape)

    def to_scores(
        self, u: Value, f: Coded, Q: Coded, K: Coded, V: Coded, causal: int, *mask: Coded
    ) -> Coded:
        weights = self.attention_weights(f, Q, K, causal, *mask)
        return self.helper("to_scores", u, weights, V, str(Q.shape[-1]), shape=weights.shape)


class AttentionTorch(AttentionCode):
    """The forward pass in PyTorch's own function."""

    def attended(self, Q: Coded, K: Coded, V: Coded, causal: int, *mask: Coded) -> Coded:
        called = "torch.nn.functional.scaled_dot_product_attention"
        told = ["is_causal=True"] * causal
        if mask and causal:  # PyTorch takes one of the two
            return super().attended(Q, K, V, causal, *mask)
        told += [f"attn_mask={m.text} != 0" for m in mask]
        return self.call(called, Q, K, V, *told, shape=(*Q.shape[:-1], V.shape[-1]))


__all__ = ["AttentionCode", "AttentionTorch"]
