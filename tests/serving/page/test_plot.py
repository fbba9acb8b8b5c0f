"""One plot: its genres, what speaks for them, by mouse and by keyboard."""

import re

SPACE = "Ines steers the last spaceship to a dying star. Her robot has begun to lie to her."


def lit(view, side="for"):
    """The lit sentences, without the words that only a screen reader hears."""
    return view.eval_on_selector_all(
        f"#text mark.{side}",
        "marks => marks.map(mark => [...mark.childNodes]"
        ".filter(node => node.className !== 'unseen').map(node => node.textContent).join(''))",
    )


def names(view, where="#given"):
    return view.locator(f"{where} .name").all_text_contents()


def explained(view):
    view.wait_for_selector("#answer:not([hidden])")
    view.wait_for_selector("#given:not([aria-busy])", state="attached")


def test_an_example_shows_the_services_answer(visit, films):
    view = visit(films)
    view.get_by_role("button", name="Two sentences").click()
    explained(view)

    plot = view.locator("#text").text_content()
    assert plot.startswith("The last ship from Earth")
    answer = films.tag(plot)
    assert names(view) == [one["name"] for one in answer["genres"]] != []
    shown = [
        int(re.sub(r"\D", "", one)) for one in view.locator("#given .percent").all_text_contents()
    ]
    assert shown == [round(100 * one["probability"]) for one in answer["genres"]]
    bars = view.eval_on_selector_all(
        "#given .bar-line",
        "bars => bars.map(({ style }) =>"
        " ['--p', '--threshold'].map(name => +style.getPropertyValue(name)))",
    )
    assert bars == [[one["probability"], one["threshold"]] for one in answer["genres"]]
    # The mark stands where its number says, whatever the width.
    box, mark = (
        view.locator(f"#given .bar-line{part}").first.bounding_box() for part in ("", " i")
    )
    assert abs((mark["x"] - box["x"]) / box["width"] - bars[0][1]) < 0.01


def test_near_misses_are_folded_and_below(visit, films, find):
    view = visit(films)
    find(view, SPACE)
    assert view.locator("#missed").is_hidden()
    view.click("#near summary")
    answer = films.tag(SPACE)
    rest = set(answer["probabilities"]) - {one["name"] for one in answer["genres"]}
    best = sorted(rest, key=lambda name: -answer["probabilities"][name])[:8]
    assert names(view, "#missed") == best


def test_the_mouse_lights_up_what_speaks_for_a_genre(visit, films, find):
    view = visit(films)
    find(view, SPACE)
    why = films.tag(SPACE, explain=True)["explanation"]["genres"][0]
    strongest = max(why["sentences"], key=lambda one: abs(one["contribution"]))
    side = "for" if strongest["contribution"] > 0 else "against"
    button = view.get_by_role("button", name=why["genre"])
    assert lit(view) == lit(view, "against") == []

    button.hover()
    assert strongest["text"] in lit(view, side)
    assert view.locator("#words dd").first.text_content()
    view.mouse.move(5, 5)
    assert lit(view) == lit(view, "against") == []

    button.click()
    view.mouse.move(5, 5)
    assert button.get_attribute("aria-pressed") == "true"
    assert strongest["text"] in lit(view, side)
    assert view.locator("#text .word").count() > 0
    button.click()
    view.mouse.move(5, 5)
    view.keyboard.press("Tab")
    assert button.get_attribute("aria-pressed") == "false"


def test_sides_differ_by_more_than_colour(visit, films):
    view = visit(films)
    sides = view.evaluate(
        """() => {
          document.querySelector('#text').innerHTML =
            '<mark class="for deep">a</mark><mark class="against deep">b</mark>' +
            '<span class="word for">c</span><span class="word against">d</span>';
          document.querySelector('#reading').hidden = false;
          const shown = [...document.querySelector('#text').children];
          const styles = shown.map(one => getComputedStyle(one));
          return styles.map(style => [style.backgroundImage, style.textDecorationStyle]);
        }"""
    )
    assert sides[0][0] == "none"
    assert "gradient" in sides[1][0]
    assert (sides[2][1], sides[3][1]) == ("solid", "dotted")


def test_the_whole_way_by_keyboard(visit, films):
    view = visit(films)
    view.focus("#plot")
    view.keyboard.insert_text(SPACE)
    view.keyboard.press("Control+Enter")
    explained(view)
    assert view.evaluate("document.activeElement.id") == "answer-title"

    view.keyboard.press("Tab")
    first = names(view)[0]
    assert view.evaluate("document.activeElement.querySelector('.name').textContent") == first
    assert lit(view) + lit(view, "against") != []
    view.keyboard.press("Enter")
    view.locator("#said", has_text="speak for it").wait_for(state="attached")
    assert view.locator("#said").text_content().startswith(f"{first}: ")
    assert view.get_by_role("button", pressed=True).count() == 1
    view.keyboard.press("Escape")
    assert view.get_by_role("button", pressed=True).count() == 0

    view.focus("#edit")
    view.keyboard.press("Enter")
    assert view.evaluate("document.activeElement.id") == "plot"
    assert view.input_value("#plot") == SPACE


def test_another_plot_begins_anew(visit, films, find):
    view = visit(films)
    find(view, SPACE)
    view.click("#another")
    assert view.input_value("#plot") == ""
    assert view.locator("#answer").is_hidden()
    find(view, "Two strangers share a taxi and fall in love before it arrives.")
    assert "taxi" in view.locator("#text").text_content()


def test_an_emoji_shifts_nothing(visit, films, find):
    plot = f"🚀🚀🚀 {SPACE} 👩‍🚀 Nobody on Earth listens any more."
    view = visit(films)
    find(view, plot)
    why = films.tag(plot, explain=True)["explanation"]["genres"][0]
    view.get_by_role("button", name=why["genre"]).click()
    texts = {one["text"] for one in why["sentences"]}
    shown = lit(view) + lit(view, "against")
    assert shown
    assert set(shown) <= texts


def test_an_empty_plot_is_one_sentence_beside_it(visit, films, find):
    view = visit(films)
    view.click("#find")
    view.wait_for_selector("#ask-error:not(:empty)")
    assert view.locator("#ask-error").text_content() == "The plot is empty; expected a text."
    assert view.locator("#ask-error").get_attribute("role") == "alert"
    assert view.locator("#plot").get_attribute("aria-invalid") == "true"
    visit.last.expected("422")
    find(view, SPACE)
    view.click("#edit")
    assert view.locator("#ask-error").is_hidden()


def test_the_models_figures_are_a_table_that_filters(visit, films):
    view = visit(films)
    view.get_by_role("button", name="How good is it?").click()
    view.wait_for_selector("#figures-body:not([hidden])")
    horror = next(one for one in films.ask("v1/genres")["genres"] if one["name"] == "Horror")
    view.fill("#filter", "HORR")
    rows = view.locator("#figures-rows tr:visible")
    cells = [row.locator("th, td").all_text_contents() for row in rows.all()]
    test = horror["test"]
    numbers = [horror["threshold"], test["precision"], test["recall"], test["f1"]]
    expected = ["Horror", f"{horror['train_films']:,}", *(f"{one:.2f}" for one in numbers)]
    assert cells[0] == expected
    assert all("horr" in row[0].lower() for row in cells)
    scores = films.ask("v1/model")["headline"]
    assert f"{round(100 * scores['micro_precision'])} in 100" in view.text_content("#headline")
    view.click("#close-figures")
    assert view.locator("#figures").is_hidden()
    assert view.evaluate("document.activeElement.id") == "open-figures"
