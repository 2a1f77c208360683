from __future__ import annotations

from skerry.model.hardening.residency import Disk, residence
from tests.unit.conftest import MakeSettings


def test_residence_reports_what_leaves_the_country(make_settings: MakeSettings) -> None:
    settings = make_settings(region="no-oslo-1", country="NO", ntp_servers=["ntp.example.no"])
    answers = {answer.question: answer for answer in residence(settings, [Disk("/db", "nfs4", "x:/y")], {})}
    assert not answers["region and country in the inventory"].attention
    assert answers["/db is on"].answer.startswith("NETWORK")
    assert answers["/db is on"].attention
    assert answers["source of artifacts"].attention
    assert answers["time servers"].answer == "ntp.example.no"
    assert answers["Secrets in the datastore"].attention
