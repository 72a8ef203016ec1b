# SPDX-License-Identifier: Apache-2.0
"""Every honest proof is accepted, no altered one is, and the roots are those of RFC 6962."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import merkle
from governance.core.merkle import EMPTY, Frontier, leaf_hash, node_hash, verify_consistency, verify_inclusion
from governance.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

VECTORS: Final = Path(__file__).resolve().parents[3].parent / "shared" / "vectors"
EXHAUSTIVE: Final = 40
LEAVES: Final = [leaf_hash(b"%d" % i) for i in range(130)]

sizes = st.integers(1, len(LEAVES))
hashes = st.binary(max_size=40) | st.binary(min_size=32, max_size=32) | st.sampled_from(LEAVES)


def by_definition(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


def nodes(level: int, index: int) -> bytes:
    leaves = LEAVES[index << level : (index + 1) << level]
    assert len(leaves) == 1 << level, "a proof asks for complete subtrees only"
    return by_definition(leaves)


def frontier(size: int) -> Frontier:
    grown = Frontier()
    for leaf in LEAVES[:size]:
        grown.append(leaf)
    return grown


ROOTS: Final = [frontier(size).root() for size in range(len(LEAVES) + 1)]


@dataclass(frozen=True)
class Inclusion:
    index: int
    size: int
    leaf: bytes
    proof: tuple[bytes, ...]
    root: bytes

    @property
    def holds(self) -> bool:
        return verify_inclusion(self.index, self.size, self.leaf, self.proof, self.root)


@dataclass(frozen=True)
class Consistency:
    old: int
    new: int
    old_root: bytes
    new_root: bytes
    proof: tuple[bytes, ...]

    @property
    def holds(self) -> bool:
        return verify_consistency(self.old, self.new, self.old_root, self.new_root, self.proof)


def inclusion(index: int, size: int) -> Inclusion:
    return Inclusion(index, size, LEAVES[index], tuple(merkle.inclusion(nodes, index, size)), ROOTS[size])


def consistency(old: int, new: int) -> Consistency:
    return Consistency(old, new, ROOTS[old], ROOTS[new], tuple(merkle.consistency(nodes, old, new)))


@st.composite
def altered_proofs(draw: st.DrawFn, proof: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """One hash more, less or other than there were, or two of them swapped."""
    at, hash_ = draw(st.integers(0, len(proof))), draw(hashes)
    ways = [(*proof[:at], hash_, *proof[at:]), (*proof[:at], *proof[at + 1 :]), (*proof[:at], hash_, *proof[at + 1 :])]
    return draw(st.sampled_from([*ways, proof[::-1], proof[1:] + proof[:1], proof + proof]))


def vectors(name: str) -> list[Any]:
    path = VECTORS / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the proof vectors of transparency-dev/merkle are not here: {path.name}")
    cases: list[Any] = json.loads(path.read_text(encoding="utf-8"))
    return cases


def raw(encoded: str | None) -> bytes:
    return base64.b64decode(encoded or "")


def test_the_hashes_are_those_of_rfc_6962() -> None:
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


def test_a_leaf_is_never_taken_for_a_node() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)


def test_published_inclusion_proofs_are_judged_as_published() -> None:
    cases = vectors("inclusion")
    assert {case["wantErr"] for case in cases} == {True, False}
    wrong = [
        case["case"]
        for case in cases
        if verify_inclusion(
            case["leafIdx"], case["treeSize"], raw(case["leafHash"]), list(map(raw, case["proof"] or ())), raw(case["root"])
        )
        is case["wantErr"]
    ]  # fmt: skip
    assert wrong == []


def test_published_consistency_proofs_are_judged_as_published_but_empty_roots_are_refused() -> None:
    cases = vectors("consistency")
    assert {case["wantErr"] for case in cases} == {True, False}
    wrong = [
        case
        for case in cases
        if verify_consistency(
            case["size1"], case["size2"], raw(case["root1"]), raw(case["root2"]), list(map(raw, case["proof"] or ()))
        )
        is case["wantErr"]
    ]
    assert [case["case"] for case in wrong if raw(case["root1"]) or raw(case["root2"])] == []


@pytest.mark.parametrize("size", range(EXHAUSTIVE))
def test_a_frontier_has_the_root_of_the_definition(size: int) -> None:
    assert frontier(size).root() == by_definition(LEAVES[:size]) == merkle.root(nodes, size)
    assert frontier(size).size == size


def test_a_frontier_tells_every_complete_subtree_once_when_it_completes() -> None:
    told: dict[tuple[int, int], bytes] = {}
    grown = Frontier()

    def tell(level: int, index: int, hash_: bytes) -> None:
        assert (level, index) not in told
        told[level, index] = hash_

    for leaf in LEAVES:
        before = len(told)
        grown.append(leaf, tell)
        assert all((index + 1) << level == grown.size for level, index in list(told)[before:])
    complete = {(level, i) for level in range(1, 8) for i in range(len(LEAVES) >> level)}
    assert told == {place: nodes(*place) for place in complete}


@given(st.integers(0, len(LEAVES)))
def test_a_frontier_survives_packing_and_grows_on(size: int) -> None:
    back = Frontier.unpack(size, frontier(size).packed())
    assert (back.size, back.hashes) == (size, frontier(size).hashes)
    for leaf in LEAVES[size:]:
        back.append(leaf)
    assert back.root() == ROOTS[-1]


@pytest.mark.parametrize(("size", "length"), [(0, 32), (1, 0), (1, 31), (1, 33), (3, 32), (4, 96), (7, 95)])
def test_a_packed_frontier_of_another_size_is_refused(size: int, length: int) -> None:
    with pytest.raises(EvidenceError, match=f"does not fit its size {size}") as caught:
        Frontier.unpack(size, bytes(length))
    assert caught.value.hint


def test_a_frontier_does_not_share_what_it_was_made_from() -> None:
    hashes_ = [LEAVES[0]]
    grown = Frontier(1, hashes_)
    grown.append(LEAVES[1])
    assert hashes_ == [LEAVES[0]]
    assert grown.root() == ROOTS[2]


@pytest.mark.parametrize("size", range(1, EXHAUSTIVE))
def test_every_entry_of_a_log_is_proved_at_its_own_place_only(size: int) -> None:
    for index in range(size):
        honest = inclusion(index, size)
        assert honest.holds
        assert len(honest.proof) <= (size - 1).bit_length()
        assert not any(replace(honest, index=other).holds for other in range(-1, size + 2) if other != index)


@pytest.mark.parametrize("new", range(1, EXHAUSTIVE))
def test_every_beginning_of_a_log_is_proved_and_only_as_itself(new: int) -> None:
    for old in range(1, new + 1):
        honest = consistency(old, new)
        assert honest.holds
        assert not any(replace(honest, old=other).holds for other in range(-1, new + 2) if other != old)


@given(st.data())
def test_no_altered_inclusion_proof_holds(data: st.DataObject) -> None:
    size = data.draw(sizes)
    honest = inclusion(data.draw(st.integers(0, size - 1)), size)
    field = data.draw(st.sampled_from(["leaf", "root", "proof"]))
    value: Any = data.draw(altered_proofs(honest.proof) if field == "proof" else hashes)
    forged = replace(honest, **{field: value})
    assert forged.holds is (forged == honest)


@given(st.data())
def test_no_altered_consistency_proof_holds(data: st.DataObject) -> None:
    new = data.draw(sizes)
    honest = consistency(data.draw(st.integers(1, new)), new)
    field = data.draw(st.sampled_from(["old_root", "new_root", "proof"]))
    value: Any = data.draw(altered_proofs(honest.proof) if field == "proof" else hashes)
    forged = replace(honest, **{field: value})
    assert forged.holds is (forged == honest)


@given(sizes, sizes, st.data())
def test_a_log_with_one_entry_rewritten_extends_nothing_that_had_the_entry(
    old: int, more: int, data: st.DataObject
) -> None:
    new = min(old + more, len(LEAVES))
    leaves = list(LEAVES[:new])
    leaves[data.draw(st.integers(0, old - 1))] = leaf_hash(b"rewritten")
    proof = merkle.consistency(lambda level, i: by_definition(leaves[i << level : (i + 1) << level]), old, new)
    assert not verify_consistency(old, new, ROOTS[old], by_definition(leaves), proof)


@given(
    st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70), st.binary(), st.binary(), st.lists(st.binary(), max_size=5)
)  # fmt: skip
def test_verifying_nonsense_says_no_and_raises_nothing(
    a: int, b: int, one: bytes, two: bytes, proof: list[bytes]
) -> None:
    assert not verify_inclusion(a, b, one, proof, two) or (b == 1 and one == two)
    assert not verify_consistency(a, b, one, two, proof) or (a == b and one == two)


def test_hashes_that_are_not_32_bytes_prove_nothing() -> None:
    assert not verify_inclusion(0, 1, b"", [], b"")
    assert not verify_consistency(1, 1, b"", b"", [])
    assert not verify_inclusion(0, 2, LEAVES[0], [b"short"], node_hash(LEAVES[0], b"short"))


def test_an_empty_log_proves_nothing() -> None:
    assert merkle.root(nodes, 0) == Frontier().root() == EMPTY
    assert merkle.consistency(nodes, 0, 5) == []
    assert not verify_consistency(0, 5, EMPTY, ROOTS[5], [])
    assert not verify_consistency(0, 0, EMPTY, EMPTY, [])


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (0, 0), (1, 1), (5, 4)])
def test_no_proof_is_made_for_an_entry_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="entry"):
        merkle.inclusion(nodes, index, size)


@pytest.mark.parametrize(("old", "new"), [(-1, 1), (2, 1), (1, 0)])
def test_no_proof_is_made_that_a_log_shrank(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="size"):
        merkle.consistency(nodes, old, new)
