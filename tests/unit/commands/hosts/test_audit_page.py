from __future__ import annotations

from skerry.commands.hosts.audit_page import page


def test_the_page_shows_findings_without_running_them() -> None:
    check = {"kind": "sysctl", "key": "a", "wanted": "1|2", "found": "<script>"}
    control = {"id": "KRN-01", "title": "T", "source": "S", "cis_ubuntu_20_04": "1.1", "cis_debian_11": "2.2",
               "gdpr": "32(1)(b) integrity", "k3s": "safe", "verdict": "fail", "why": "a <b>",
               "checks": [check]}  # fmt: skip
    answer = {"question": "Q", "answer": "A", "attention": True}
    text = page("oslo", "now", [{"host": "h", "problem": "", "controls": [control], "residence": [answer]},
                                {"host": "gone", "problem": "no way", "controls": [], "residence": []}])  # fmt: skip
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "1 or 2" in text
    assert "<b>1</b>fail" in text
    assert "no way" in text
    assert "http" not in text.partition("</style>")[0].replace("http-equiv", "")
