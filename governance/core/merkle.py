# SPDX-License-Identifier: Apache-2.0
"""A Merkle tree over an append-only log: roots, proofs and their verification (RFC 6962, RFC 9162)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from governance.errors import EvidenceError

HASH_BYTES: Final = 32
EMPTY: Final = hashlib.sha256(b"").digest()
"""The root of a log without entries."""

Nodes = Callable[[int, int], bytes]
"""(level, index) -> hash of the complete subtree of 2**level entries."""


def leaf_hash(data: bytes) -> bytes:
    """Hash one entry (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The hashes of the complete subtrees that a log consists of, largest first: enough to extend it."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)

    def append(self, leaf: bytes, emit: Callable[[int, int, bytes], None] | None = None) -> None:
        """Add one entry; `emit(level, index, hash)` is told every subtree that it completes."""
        hash_, index, level = leaf, self.size, 0
        while index & 1:
            hash_ = node_hash(self.hashes.pop(), hash_)
            index >>= 1
            level += 1
            if emit:
                emit(level, index, hash_)
        self.hashes.append(hash_)
        self.size += 1

    def root(self) -> bytes:
        """The root of the log as it stands."""
        if not self.hashes:
            return EMPTY
        hash_ = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            hash_ = node_hash(left, hash_)
        return hash_

    def packed(self) -> bytes:
        """The hashes in one piece."""
        return b"".join(self.hashes)

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> Frontier:
        """Back from `packed`.

        Raises:
            EvidenceError: a log of that size has another number of hashes.
        """
        if len(packed) != size.bit_count() * HASH_BYTES:
            raise EvidenceError(
                f"the ledger's head does not fit its size {size}", hint="Run `governance evidence verify`."
            )
        return cls(size, [packed[i : i + HASH_BYTES] for i in range(0, len(packed), HASH_BYTES)])


def root(nodes: Nodes, size: int) -> bytes:
    """The root of the first `size` entries."""
    return _subtree(nodes, 0, size) if size else EMPTY


def inclusion(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Prove that entry `index` is in the log of `size` (RFC 9162 section 2.1.3.1).

    Raises:
        ValueError: there is no such entry.
    """
    if not 0 <= index < size:
        raise ValueError(f"entry {index} of {size}")
    return _path(nodes, index, 0, size)


def consistency(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """Prove that the log of size `old` is the beginning of that of size `new` (RFC 9162 section 2.1.4.1).

    Raises:
        ValueError: the sizes are not in order.
    """
    if not 0 <= old <= new:
        raise ValueError(f"size {old} after {new}")
    return _extension(nodes, old, 0, new, is_known=True) if 0 < old < new else []


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _subtree(nodes: Nodes, start: int, size: int) -> bytes:
    hashes = []
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            hashes.append(nodes(level, start >> level))
            start += 1 << level
    return Frontier(size, hashes).root()


def _path(nodes: Nodes, index: int, start: int, size: int) -> list[bytes]:
    if size == 1:
        return []
    k = _split(size)
    if index < k:
        return [*_path(nodes, index, start, k), _subtree(nodes, start + k, size - k)]
    return [*_path(nodes, index - k, start + k, size - k), _subtree(nodes, start, k)]


def _extension(nodes: Nodes, old: int, start: int, new: int, *, is_known: bool) -> list[bytes]:
    if old == new:
        return [] if is_known else [_subtree(nodes, start, new)]
    k = _split(new)
    if old <= k:
        return [*_extension(nodes, old, start, k, is_known=is_known), _subtree(nodes, start + k, new - k)]
    return [*_extension(nodes, old - k, start + k, new - k, is_known=False), _subtree(nodes, start, k)]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether `proof` shows `leaf` at `index` in the log of `size` with `root` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    node, last, hash_ = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            hash_ = node_hash(sibling, hash_)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and hash_ == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether `proof` shows the log of `old` as the beginning of that of `new` (RFC 9162 section 2.1.4.2).

    Size 0 proves nothing and is refused.
    """
    if not 0 < old <= new or not _are_hashes(old_root, new_root, *proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    return bool(proof) and _extends(old, new, old_root, new_root, list(proof))


def _extends(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    if old & (old - 1) == 0:
        proof = [old_root, *proof]
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = proof[0]
    for hash_ in proof[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(hash_, before), node_hash(hash_, after)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, hash_)
        node, last = node >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
