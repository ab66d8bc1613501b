from importlib.metadata import version

from spark_jobs import session


def test_jars_of_another_delta_version_do_not_count_as_fetched(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MANGROVE_IVY", str(tmp_path))
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "io.delta_delta-spark_4.2_2.13-0.0.1.jar").touch()
    assert session._fetched_jars() == []


def test_fetching_is_silent_when_the_jars_are_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MANGROVE_IVY", str(tmp_path))
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / f"io.delta_delta-spark_4.2_2.13-{version('delta-spark')}.jar").touch()
    session.fetch()
    assert capsys.readouterr().out == ""
