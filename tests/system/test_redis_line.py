"""The Redis line against a real server: who it trusts, who it says it is, and that it keeps a secret."""

import hashlib
import subprocess

import pytest
from redis.exceptions import ConnectionError

from support.waiting import wait_until

SECRET = "correct horse/battery@staple"
ENCODED = "correct%20horse%2Fbattery%40staple"


@pytest.fixture
def ping(build):
    """ping(url, *words, **environment): (exit code, output) of tests/support/redis_ping.c."""

    def run(url, *words, **environment):
        command = [build.folder / "tests" / "redis_ping", url, *words]
        environment = {name: str(value) for name, value in environment.items()}
        result = subprocess.run(
            ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *map(str, command)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.stderr == ""
        return result.returncode, result.stdout.strip()

    return run


@pytest.fixture
def tls_redis(make_redis, certificates):
    """tls_redis(*arguments): a server that speaks TLS, with arguments of the test's own."""
    return lambda *arguments: make_redis("tls", tls=certificates, port=True, arguments=arguments)


def served_with(identity):
    return ("--tls-cert-file", identity.certificate, "--tls-key-file", identity.key)


def test_a_trusted_server_is_spoken_to_by_name_and_by_address(ping, tls_redis, certificates):
    server = tls_redis()
    ca = {"REDIS_CA": certificates.ca.certificate}
    assert ping(server.tls_url, **ca) == (0, f"rediss://localhost:{server.tls_port}: PONG")
    assert ping(f"rediss://127.0.0.1:{server.tls_port}", **ca)[0] == 0


def test_the_systems_certificates_do_not_include_ours(ping, tls_redis):
    code, said = ping(tls_redis().tls_url)
    assert code == 1 and said.startswith("fatal tls: ") and "cannot trust the server: self-signed certificate" in said


def test_an_unknown_ca_is_not_trusted(ping, tls_redis, certificates):
    code, said = ping(tls_redis().tls_url, REDIS_CA=certificates.stranger.certificate)
    assert code == 1 and said.startswith("fatal tls: ") and "cannot trust the server: self-signed certificate" in said


def test_a_certificate_for_another_host_is_not_trusted(ping, tls_redis, certificates):
    server = tls_redis(*served_with(certificates.wrong_host))
    for host in "localhost", "127.0.0.1":
        code, said = ping(f"rediss://{host}:{server.tls_port}", REDIS_CA=certificates.ca.certificate)
        assert code == 1 and said.startswith("fatal tls: ")
        assert said.endswith("cannot trust the server: its certificate is for another host")


def test_an_expired_certificate_is_not_trusted(ping, tls_redis, certificates):
    code, said = ping(tls_redis(*served_with(certificates.expired)).tls_url, REDIS_CA=certificates.ca.certificate)
    assert code == 1 and said.startswith("fatal tls: ")
    assert said.endswith("cannot trust the server: certificate has expired")


def test_a_server_that_wants_a_certificate_gets_ours_or_says_so(ping, tls_redis, certificates):
    server = tls_redis("--tls-auth-clients", "yes")
    ca = {"REDIS_CA": certificates.ca.certificate}
    code, said = ping(server.tls_url, **ca)
    assert code == 1 and said.startswith("fatal tls: ") and said.endswith("alert certificate required")

    ours = {"REDIS_CERTIFICATE": certificates.client.certificate, "REDIS_KEY": certificates.client.key}
    assert ping(server.tls_url, **ca, **ours)[0] == 0

    theirs = {"REDIS_CERTIFICATE": certificates.stranger.certificate, "REDIS_KEY": certificates.stranger.key}
    code, said = ping(server.tls_url, **ca, **theirs)
    assert code == 1 and said.startswith("fatal tls: ") and "alert" in said


def test_tls_1_2_is_spoken(ping, tls_redis, certificates):
    server = tls_redis("--tls-protocols", "TLSv1.2")
    assert ping(server.tls_url, REDIS_CA=certificates.ca.certificate)[0] == 0


def test_tls_1_1_is_not_spoken(ping, tls_redis, certificates):
    old = ("--tls-protocols", "TLSv1.1", "--tls-ciphers", "ALL:@SECLEVEL=0")
    code, said = ping(tls_redis(*old).tls_url, REDIS_CA=certificates.ca.certificate)
    assert code == 1 and said.startswith("fatal tls: ") and "alert protocol version" in said


def test_files_that_cannot_be_used_are_named(ping, tls_redis, certificates, scratch):
    url = tls_redis().tls_url
    missing = scratch / "missing.crt"
    code, said = ping(url, REDIS_CA=missing)
    assert code == 1 and said.startswith("fatal config: ")
    assert said.endswith(f'cannot use the CA file "{missing}": No such file or directory')

    ours = {"REDIS_CERTIFICATE": certificates.client.certificate, "REDIS_KEY": certificates.server.key}
    code, said = ping(url, REDIS_CA=certificates.ca.certificate, **ours)
    assert code == 1 and said.startswith("fatal config: ") and "key values mismatch" in said


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(ping, tls_redis, certificates, scratch):
    encrypted = scratch / "encrypted.key"
    command = ["openssl", "pkey", "-in", certificates.client.key, "-aes256", "-passout", "pass:x", "-out", encrypted]
    subprocess.run(command, check=True, capture_output=True)
    ours = {"REDIS_CERTIFICATE": certificates.client.certificate, "REDIS_KEY": encrypted}
    code, said = ping(tls_redis().tls_url, REDIS_CA=certificates.ca.certificate, **ours)
    assert code == 1 and said.startswith("fatal config: ") and f'cannot use the key "{encrypted}"' in said


def test_a_port_without_tls_is_not_spoken_to_in_plain(ping, tls_redis, certificates):
    """Redis waits for the rest of what it takes for a command, so all that can be told is what did not come."""
    url = f"rediss://localhost:{tls_redis().port}"
    code, said = ping(url, REDIS_CA=certificates.ca.certificate, REDIS_WAIT_MS=300)
    assert code == 1 and said.startswith("transient timeout: ")
    assert "could not agree on TLS with the server (a port without TLS keeps silent)" in said


def test_a_tls_port_is_not_spoken_to_in_plain(ping, tls_redis):
    code, said = ping(f"redis://localhost:{tls_redis().tls_port}", REDIS_WAIT_MS=30000)
    assert code == 1 and said.startswith("transient connection: ")


def test_a_certificate_without_tls_is_refused(ping, redis, certificates):
    code, said = ping(redis.url, REDIS_CA=certificates.ca.certificate)
    assert code == 1 and said.startswith("fatal config: ")


def test_a_large_answer_and_a_large_command_cross_tls(ping, tls_redis, certificates):
    server = tls_redis()
    server.client().set("large", b"x" * 3_000_000)
    code, said = ping(server.tls_url, "GET", "large", REDIS_CA=certificates.ca.certificate)
    assert code == 0 and said.endswith("x" * 1024 * 1024)
    value = "y" * 100_000
    assert ping(server.tls_url, "SET", "sent", value, REDIS_CA=certificates.ca.certificate)[0] == 0
    assert server.client().get("sent").decode() == value


@pytest.fixture
def acl_redis(make_redis, scratch):
    acl = scratch / "users.acl"
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    acl.write_text(
        "user default on nopass +ping\n"
        f"user worker on #{digest} ~* +@all\n"
        f"user narrow on #{digest} ~* +get\n"
    )
    return make_redis("acl", acl_file=acl, port=True)


def test_user_and_password_log_in(ping, acl_redis):
    for url in f"redis://worker:{ENCODED}@localhost:{acl_redis.port}", f"unix://worker:{ENCODED}@{acl_redis.socket}":
        code, said = ping(url, "ACL", "WHOAMI")
        assert code == 0 and said.endswith(": worker") and "correct" not in said


def test_a_wrong_password_is_fatal_and_appears_nowhere(ping, acl_redis):
    for user in "worker", "nobody":
        code, said = ping(f"redis://{user}:{ENCODED}x@localhost:{acl_redis.port}")
        assert code == 1 and said.startswith("fatal wrongpass: ")
        assert "correct" not in said and "staple" not in said


def test_what_a_user_may_not_do_is_fatal(ping, acl_redis):
    code, said = ping(f"unix://narrow:{ENCODED}@{acl_redis.socket}", "SET", "a", "b")
    assert code == 1 and said.startswith("fatal noperm: ")


def test_a_user_that_may_not_even_be_named_is_let_in(ping, acl_redis):
    code, said = ping(f"unix://narrow:{ENCODED}@{acl_redis.socket}", "GET", "a", REDIS_NAME="narrow")
    assert code == 0, said


def test_a_password_that_nobody_asked_for_is_fatal(ping, redis):
    code, said = ping(f"unix://:{ENCODED}@{redis.socket}")
    assert code == 1 and said.startswith("fatal nopassword: ") and "staple" not in said


def test_a_server_that_wants_a_password_is_fatal_without(ping, make_redis):
    server = make_redis("locked", arguments=("--requirepass", "x"))
    code, said = ping(server.url)
    assert code == 1 and said.startswith("fatal noauth: ")


def test_the_db_is_selected_and_the_name_set(ping, redis):
    redis.client(db=5).set("key", "five")
    assert ping(f"{redis.url}?db=5", "GET", "key") == (0, f"unix://{redis.socket}?db=5: five")
    code, said = ping(redis.url, "CLIENT", "GETNAME", REDIS_NAME="worker 7")
    assert code == 0 and said.endswith(": worker-7")


def test_a_db_that_is_not_there_is_fatal(ping, redis):
    code, said = ping(f"{redis.url}?db=99")
    assert code == 1 and said.startswith("fatal db: ")


def is_let_in(client):
    try:
        return client.ping()
    except ConnectionError:
        return False


def test_too_many_clients_is_a_matter_of_time(ping, make_redis):
    server = make_redis("small", arguments=("--maxclients", "1"))
    holder = server.client()
    wait_until(lambda: is_let_in(holder), 30, "whoever asked whether it is ready is gone")
    code, said = ping(server.url)
    assert code == 1 and said.startswith("transient maxclients: ")


def test_a_stopped_server_is_a_matter_of_time(ping, redis):
    redis.pause()
    code, said = ping(redis.url, REDIS_WAIT_MS=200)
    assert code == 1 and said.startswith("transient timeout: ")
    redis.resume()
    redis.stop()
    code, said = ping(redis.url)
    assert code == 1 and said.startswith("transient connection: ")
