"""Links: what is refused without a connection, what may be connected to, and that a file's name
says nothing of its link."""

import re

import pytest

from images.download.links import address_problem, problem, split_link
from images.names import is_link, link_name


def test_what_is_a_link():
    for name in (
        "https://a.b/c.jpg",
        "HTTP://a",
        "s3://bucket/key",
        "file:///etc/passwd",
        "data+x.y-z://",
    ):
        assert is_link(name)
    for name in (
        "images/3.jpg",
        "",
        "://a",
        "3d://a",
        "c:/x.jpg",
        " http://a",
        "images/http://a",
        "1http://a",
    ):
        assert not is_link(name)


def test_a_file_is_named_by_its_link_alone():
    names = [link_name(f"https://shop.test/../{i}/a.php%00.jpg?x=/\0\ud800") for i in range(1_000)]
    assert len(set(names)) == 1_000 and all(
        re.fullmatch(r"([0-9a-f]{2})/\1[0-9a-f]{30}", name) for name in names
    )
    assert link_name("http://a") == link_name("http://a") != link_name("http://a/")


@pytest.mark.parametrize(
    "link, reason",
    [
        ("ftp://a/b", "is not http:// or https://"),
        ("file:///etc/passwd", "is not http:// or https://"),
        ("http:a", "is not http:// or https://"),
        ("javascript:alert(1)", "is not http:// or https://"),
        ("http://ann:secret@a/", "holds a name or a password"),
        ("http://ann@a/", "holds a name or a password"),
        ("http://a\\@b/", "holds a name or a password"),
        ("http://a/\r\nX: 1", "holds control characters"),
        ("http://a/\0.jpg", "holds control characters"),
        ("http://a\t.b/", "holds control characters"),
        ("http://a/\u2028", "holds control characters"),
        ("http://a/\ud800", "holds control characters"),
        ("http://", "names no host"),
        ("http:///a.jpg", "names no host"),
        ("https://:443/", "names no host"),
        ("http://a:0/", "has no valid port"),
        ("http://a:65536/", "has no valid port"),
        ("http://a:x/", "has no valid port"),
        ("http://a:-1/", "has no valid port"),
        ("http://[::1/", "has no valid host"),
        ("http://[fe80::1%25eth0]/", "has no valid host"),
        ("http://a b/", "has no valid host"),
        ("http://a..b/", "has no valid host"),
        ("http://a\\b/", "has no valid host"),
        (f"http://{'a' * 70}/", "has no valid host"),
        ("http://a%2eb/", "has no valid host"),
        ("http://a/" + "b" * 8_192, "is longer than 8,192 characters"),
    ],
)
def test_a_link_is_refused(link, reason):
    assert problem(link) == f"the link {reason}"
    assert "secret" not in problem(link)


@pytest.mark.parametrize(
    "link, parts",
    [
        ("http://shop.test", ("http", "shop.test", 80, "/")),
        ("HTTPS://Shop.Test./a", ("https", "shop.test", 443, "/a")),
        (
            "https://a_b.test:8443/x y/é.jpg?q=ü z&r=%20#top",
            ("https", "a_b.test", 8443, "/x%20y/%C3%A9.jpg?q=%C3%BC%20z&r=%20"),
        ),
        ("http://münchen.test/", ("http", "xn--mnchen-3ya.test", 80, "/")),
        ("http://[2606:4700::1]:81/", ("http", "2606:4700::1", 81, "/")),
        ("http://a/b%2Fc+d;e=f?g=/?", ("http", "a", 80, "/b%2Fc+d;e=f?g=/?")),
        ("http://a:/b ", ("http", "a", 80, "/b")),
    ],
)
def test_a_link_is_taken_apart(link, parts):
    assert split_link(link) == parts and problem(link) == ""


PRIVATE = [
    "127.0.0.1",
    "127.255.0.3",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "192.0.2.1",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "100::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]


@pytest.mark.parametrize("ip", PRIVATE)
def test_an_address_that_is_not_public_is_refused(ip):
    assert (
        address_problem(ip, ())
        == f"leads to {ip}, which is not a public address; download.networks can allow it"
    )
    assert address_problem(ip, ("203.0.113.0/24",))


@pytest.mark.parametrize(
    "ip",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.32.0.1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_a_public_address_is_taken(ip):
    assert address_problem(ip, ()) == ""


def test_networks_allow_what_lies_in_them():
    assert address_problem("10.1.2.3", ("192.168.0.0/16", "10.0.0.0/8")) == ""
    assert (
        address_problem("::ffff:10.1.2.3", ("10.0.0.0/8",))
        == ""
        == address_problem("::1", ("::1/128",))
    )
    assert address_problem("10.1.2.3", ("10.0.0.0/16",)) and address_problem(
        "::1", ("127.0.0.0/8",)
    )
