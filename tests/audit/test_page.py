from guerdon.audit import examples
from guerdon.audit.audit import audit
from guerdon.audit.cases import built_in
from guerdon.audit.page import write_page


def test_the_page_shows_findings_examples_and_the_curve(tmp_path):
    def score(pairs):
        return [examples.naive_boxed(problem, response) for problem, response in pairs]

    cases = built_in(4, seed=0)
    write_page(audit(score, cases), "<my> reward", str(tmp_path / "a.html"))
    page = (tmp_path / "a.html").read_text()
    assert "Audit of &lt;my&gt; reward" in page and "4 of 4 problems" in page and "<svg" in page
    assert "several boxes" in page and "\\boxed{" in page and "<script" not in page
