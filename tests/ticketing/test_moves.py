"""The table of moves as a machine: whatever is entered, what is forbidden stays out and no date gets later by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ticketing.ticket import DUES, MAY, MOVES, OPEN, ROLES, STATUSES, State, fold, step

BEGIN = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
MEMBERS = ("ӘЖ-551-2026-000002", "ӘЖ-551-2026-000003")
LATER = frozenset({"extend", "reopen", "release", "resume"})
"""Only these may move a date to a later one; each is an entry with its reason."""


def day(n: int) -> str:
    return (BEGIN + timedelta(days=n)).isoformat()


def register() -> tuple[str, dict[str, object]]:
    return "register", {"number": "ӘЖ-551-2026-000001", "akimat": "551000000", "due_first": day(1), "due_final": day(9)}


days = st.integers(1, 60)
details = st.fixed_dictionaries({
    "member": st.sampled_from(MEMBERS), "into": st.just("ӘЖ-551-2026-000009"), "ground": st.just("court"), "due": days,
    "own": st.booleans(), "solved": st.booleans()})
entries = st.lists(st.tuples(st.sampled_from(sorted(set(MOVES) - {"register"})), details), max_size=25)


def written(action: str, d: dict[str, object]) -> dict[str, object]:
    """What an entry of this action holds."""
    dues = {"due_first": day(1), "due_final": day(d["due"])}
    return {"merge": {"into": d["into"]}, "absorb": {"member": d["member"], **dues}, "release": {"member": d["member"]},
            "extend": {"due_final": day(d["due"])} if d["own"] else {"member": d["member"], "due_final": day(d["due"])},
            "reopen": dues, "pause": {"until": day(d["due"])}, "resume": {"due_final": day(d["due"])},
            "recount": {"due_final": day(1)}, "not_examine": {"ground": d["ground"]}, "rate": {"solved": d["solved"]},
            "external": {"external_number": "ЖТ-2026-1234"}}.get(action, {})


@given(entries)
@settings(max_examples=300, deadline=None)
def test_no_order_of_entries_breaks_a_card(given_entries) -> None:
    kept = [register()]
    state = fold(kept)
    assert isinstance(state, State)
    for action, d in given_entries:
        entry = action, written(action, d)
        try:
            after = step(state, *entry)
        except ValueError:
            member = entry[1].get("member")
            strange = member is not None and (member in state.members) == (action == "absorb")
            assert state.status not in MOVES[action][0] or strange
            continue
        assert state.status in MOVES[action][0]
        assert after.status in STATUSES
        for name in DUES:
            assert after.due(name) is not None
            if action not in LATER:
                assert after.due(name) <= state.due(name), f"{action} moved {name} to a later date"
        assert (after.merged_into is not None) <= (after.status == "merged")
        if action == "unmerge":
            assert after.status in OPEN
        kept.append(entry)
        state = after
    assert fold(kept) == state


def test_every_action_that_a_role_may_do_is_known_and_an_operator_acts_on_no_card() -> None:
    assert set(MAY) <= set(MOVES) | {"take", "not_addressed", "other_akimat", "receive"}
    assert all(roles <= {*ROLES, "citizen"} for roles in MAY.values())
    assert not any({"viewer", "operator"} & roles for roles in MAY.values())
    assert MAY["not_examine"] == {"head"}
