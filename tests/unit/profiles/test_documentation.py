"""The page of servers says of each what a user looks for."""

import pytest

from inferencehealth.profiles.documentation import page, verified
from inferencehealth.profiles.profile import Profile
from inferencehealth.profiles.registry import PROFILES

BUILT_IN = [profile for profile in PROFILES if profile.name != "custom"]


def by_name(profile: Profile) -> str:
    return profile.name


@pytest.mark.parametrize("profile", BUILT_IN, ids=by_name)
def test_a_server_has_a_row_and_a_section(profile: Profile) -> None:
    [row] = [line for line in page(PROFILES).splitlines() if f"(`{profile.name}`)" in line]
    assert f"[{profile.title}](#{profile.name})" in row
    assert row.count(" | ") == 7
    assert f"\n## {profile.name}\n" in page(PROFILES)


@pytest.mark.parametrize("profile", BUILT_IN, ids=by_name)
def test_a_profile_says_what_loading_and_a_dead_engine_look_like(profile: Profile) -> None:
    assert profile.loading
    assert profile.dead_engine
    assert profile.never_liveness


@pytest.mark.parametrize("profile", BUILT_IN, ids=by_name)
def test_a_profile_names_the_version_or_document_of_its_facts(profile: Profile) -> None:
    assert any(word in profile.verified for word in ("run here", "documentation", "source"))


def test_facts_seen_are_told_from_facts_read() -> None:
    told = {profile.name: verified(profile).partition(":")[0] for profile in PROFILES}
    assert told["triton"] == told["kserve"] == "verified live"
    assert told["asr"] == "from documentation"
