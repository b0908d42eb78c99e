"""`ihp dashboard` in a real browser."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from yarl import URL

from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, NAMESPACES
from tests.browser import fleet
from tests.browser.fleet import pod
from tests.browser.given import FOREIGN, Page
from tests.integration.objects import deployment

pytestmark = [pytest.mark.integration, pytest.mark.browser]

Open = Callable[[str], AbstractContextManager[Page]]
MODELS = ("asr", "embed", "ranker")
CONTRAST = 4.5
"""Least contrast of text to what is behind it (WCAG 2.2, 1.4.3)."""
NAMED = {"button", "link", "searchbox", "checkbox", "image", "table", "region", "columnheader"}
LANDMARKS = {"banner", "main", "navigation", "contentinfo"}
HOSTILE = "<script>window.taken = 1</script><img src=x onerror='window.taken = 1'>"


async def small(client: Client, space: str) -> None:
    """Three policies with a bit of everything."""
    await fleet.policy(client, space, "transcription")
    await fleet.policy(client, space, "ranking")
    await fleet.policy(client, space, "chat")
    loading = [pod("asr-6", "Loading", down=["asr", "ranker"])]
    asr = [pod(f"asr-{i}") for i in range(6)] + loading
    await fleet.report(client, space, "asr", asr, policy="transcription", profile="asr")
    await fleet.report(
        client, space, "diarise", [pod("diarise-0"), pod("diarise-1")], policy="transcription"
    )
    await fleet.report(client, space, "triton", mixed(), policy="ranking")
    tei = [pod(f"tei-{i}") for i in range(4)]
    await fleet.report(client, space, "tei", tei, policy="ranking", models=["embed"], profile="tei")
    await fleet.report(
        client,
        space,
        "vllm",
        [pod("vllm-0", "Busy", down=["chat"]), pod("vllm-1", "Asleep", down=["chat"])],
        policy="chat",
        models=["chat"],
        profile="vllm",
    )
    await client.create(DEPLOYMENTS, deployment(), namespace=space)


def mixed() -> list[fleet.Raw]:
    """Pods of one workload that differ in what they serve."""
    return [
        *(pod(f"triton-{i}") for i in range(5)),
        pod("triton-5", "Broken", down=["ranker"]),
        pod("triton-6", "Degraded", down=["embed"]),
        pod("triton-7", "Unknown", down=MODELS),
    ]


def places(space: str) -> dict[str, str]:
    return {
        "fleet": "",
        "policy": f"#/policy/{space}/ranking",
        "workload": f"#/workload/{space}/deployment/triton",
    }


async def test_every_page_loads_within_its_own_rules_and_can_be_read_in_light_and_dark(
    client: Client, world: str, opened: Open, shots: Path | None
) -> None:
    if shots is not None:
        world = "speech"  # what readers of the pictures see
        await client.create(NAMESPACES, {"metadata": {"name": world}})
    await small(client, world)
    with opened(world) as page:
        for name, fragment in places(world).items():
            for scheme in ("light", "dark"):
                page.light(scheme)
                page.go(fragment)
                page.shows("Broken")
                if name == "workload":
                    page.shows("triton-5")
                unreadable = page.run(UNREADABLE.replace("LEAST", str(CONTRAST)))
                assert unreadable == [], f"{name}, {scheme}"
                if shots is not None:
                    page.driver.save_screenshot(str(shots / f"dashboard-{name}-{scheme}.png"))
        assert page.errors() == []


async def test_a_screen_reader_gets_a_name_for_everything_it_meets(
    client: Client, world: str, opened: Open
) -> None:
    await small(client, world)
    with opened(world) as page:
        for name, fragment in places(world).items():
            page.go(fragment)
            page.shows("Broken")
            found = page.accessible()
            assert {role for role, _ in found} >= LANDMARKS, name
            assert [entry for entry in found if entry[0] in NAMED and not entry[1].strip()] == []
        page.shows("triton-5")
        assert ("columnheader", "Restarts") in page.accessible()
        assert any(r == "image" and n.startswith("Last hour: Broken") for r, n in page.accessible())


async def test_the_matrix_says_in_words_which_model_serves_on_which_pod(
    client: Client, world: str, opened: Open
) -> None:
    await small(client, world)
    with opened(world) as page:
        page.go(places(world)["workload"])
        page.shows("triton-5")
        rows = {row[0]: row[-3:] for row in page.run(CELLS)}
        assert rows["triton-5"] == ["Ready", "Ready", "Broken"]
        assert rows["triton-6"] == ["Ready", "Degraded", "Ready"]
        assert rows["triton-7"] == ["Unknown"] * 3
        assert rows["triton-0"] == ["Ready"] * 3


async def test_the_recommended_probes_are_shown_as_a_diff(
    client: Client, world: str, opened: Open
) -> None:
    await small(client, world)
    with opened(world) as page:
        page.go(places(world)["workload"])
        page.shows("triton-5")
        page.find("main button:not([aria-label]):not([hidden])").click()
        page.shows("+livenessProbe:")
        assert "/v2/health/live" in page.find(".diff").text
        assert page.errors() == []


async def test_everything_is_reached_by_keyboard(client: Client, world: str, opened: Open) -> None:
    await small(client, world)
    with opened(world) as page:
        page.shows("Broken")
        page.press(Keys.TAB)
        assert page.focused() == "skip|Skip to content"
        page.press(Keys.ENTER)
        assert page.focused().startswith("main|")
        page.press(Keys.TAB)
        assert page.focused() == "Find policies by name"
        page.press(*"rank")
        page.until(lambda: page.texts("tbody th") == ["ranking"], "only what was looked for")
        page.press(Keys.TAB, Keys.SPACE, Keys.TAB)
        page.until(lambda: page.focused() != "", "past the switch")
        while page.focused() != "|ranking":
            page.press(Keys.TAB)
        page.press(Keys.ENTER)
        page.until(lambda: page.focused() == "title|ranking", "the new page's title")
        while page.focused() != "|deployment/triton":
            page.press(Keys.TAB)
        page.press(Keys.ENTER)
        page.until(lambda: page.focused() == "title|deployment/triton", "the workload's title")
        outline = "return getComputedStyle(document.activeElement).outlineStyle"
        page.press(Keys.TAB)
        assert page.run(outline) != "none", page.focused()


async def test_a_change_is_shown_and_said_and_takes_nobodys_focus(
    client: Client, world: str, opened: Open
) -> None:
    await small(client, world)
    with opened(world) as page:
        page.go(f"#/policy/{world}/transcription")
        page.shows("diarise")
        page.run("document.querySelector('a[href$=\"deployment/diarise\"]').focus()")
        page.run("window.same = true")
        bad = [pod("diarise-0"), pod("diarise-1", "Broken", down=["ranker"])]
        await fleet.tell(client, world, "diarise", bad, models=MODELS)
        page.until(
            lambda: (
                f"deployment/diarise in {world} is now Broken"
                in page.run("return document.getElementById('said').textContent")
            ),
            "it is said",
        )
        page.until(lambda: page.texts("tbody th")[0] == "deployment/diarise", "the worst is first")
        assert page.focused() == "|deployment/diarise"
        page.go(f"#/workload/{world}/deployment/diarise")
        assert "Ready" in page.find(".history").text
        await fleet.tell(client, world, "diarise", [pod("diarise-0")], models=MODELS)
        page.until(lambda: page.texts(".matrix tbody th") == ["diarise-0"], "the pod is gone")
        assert page.run("return window.same"), "the page was loaded anew"
        assert page.errors() == []


async def test_whatever_a_cluster_says_stays_text(client: Client, world: str, opened: Open) -> None:
    evil = pod(HOSTILE, "Broken", down=[HOSTILE])
    evil["message"] = evil["reason"] = HOSTILE
    await fleet.policy(client, world, "p")
    await fleet.report(client, world, "a", [evil], policy="p", models=[HOSTILE])
    with opened(world) as page:
        for fragment in ("", f"#/policy/{world}/p", f"#/workload/{world}/deployment/a"):
            page.go(fragment)
            page.shows(HOSTILE)
        page.until(lambda: HOSTILE in page.texts(".matrix tbody th"), "the pod")
        assert page.run("return [window.taken ?? 0, document.images.length]") == [0, 0]
        assert page.run("return document.scripts.length") == 1
        page.go("#/workload/%3Cimg%20src=x%3E/%00/..%2f..%2f")
        page.shows("No policy holds this workload any more.")
        page.go("#/policy/%zz")
        page.until(lambda: page.texts("h1") == ["Fleet"], "what is no address leads home")
        assert page.errors() == []


async def test_the_pages_own_rules_stop_a_script_that_got_in(
    client: Client, world: str, opened: Open
) -> None:
    with opened(world) as page:
        page.run(
            "const s = document.createElement('script'); s.textContent = 'window.taken = 1';"
            "document.body.append(s)"
        )
        assert page.run("return window.taken ?? 0") == 0
        assert any("Content Security Policy" in error for error in page.errors())


async def test_a_foreign_name_for_this_machine_is_not_answered(world: str, opened: Open) -> None:
    with opened(world) as page:
        page.driver.get(str(URL(page.address).with_host(FOREIGN)))
        assert "not the host that was asked for" in page.find("body").text


async def test_a_page_whose_program_ended_says_so(world: str, opened: Open) -> None:
    with opened(world) as page:
        page.shows("Live", "#link")
        page.program.terminate()
        page.program.wait()
        page.shows("Not connected", "#link")


async def test_ten_thousand_pods_are_shown_in_pieces_and_stay_live(
    client: Client, world: str, opened: Open, record_property: Callable[[str, object], None]
) -> None:
    await fleet.policy(client, world, "big")
    names = [f"w{i:02}" for i in range(50)]
    for name in names:
        pods = [pod(f"{name}-{i:03}") for i in range(200)]
        await fleet.report(client, world, name, pods, policy="big")
    with opened(world) as page:
        page.shows("10,000")
        page.go(f"#/policy/{world}/big")
        page.until(lambda: len(page.all("tbody tr")) == 50, "all workloads")
        await fleet.tell(client, world, "w49", [pod("w49-0", "Broken")], models=MODELS)
        page.until(lambda: page.texts("tbody th")[:1] == ["deployment/w49"], "the broken first")
        page.go(f"#/workload/{world}/deployment/w00")
        page.until(lambda: len(page.all(".matrix tbody tr")) == 50, "a page of pods")
        page.find("[aria-label='Next pods']").click()
        page.until(lambda: page.texts(".matrix tbody th")[0] == "w00-050", "the next page")
        elements = page.run("return document.querySelectorAll('*').length")
        assert elements < 2000, "as much is drawn as is seen"
        assert page.errors() == []


CELLS = """
return [...document.querySelectorAll(".matrix tbody tr")].map((row) =>
  [...row.children].map((cell) => cell.lastChild?.textContent ?? ""));
"""
UNREADABLE = """
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour[3] !== 0) return colour;
  }
  return [255, 255, 255];
}
return [...document.body.querySelectorAll("*:not(svg *):not(noscript *):not(noscript)")]
  .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
  .filter((e) => !e.disabled)
  .map((e) => [light(parse(getComputedStyle(e).color)), light(behind(e)), e.textContent])
  .map(([a, b, text]) => [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text])
  .filter(([contrast]) => contrast < LEAST);
"""
