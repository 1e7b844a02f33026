"""The JSON checker accepts what jsonb accepts, except beyond its own documented limits, and never anything else."""

import random
import subprocess

import pytest

SEED = 20260101
GENERATED = 5000
MUTATED = 20000
LIMITS = ("nesting too deep", "a number with too many digits", "a number with too large an exponent")

ACCEPTED = [
    "{}",
    " \t\r\n{ \n} \r\t",
    '{"":0}',
    '{"a":1,"a":2}',
    '{"a":[]}',
    '{"a":{}}',
    '{"a":[[],{},[{}]],"b":{"c":[1,2,{"d":null}]}}',
    '{"a" : [ 1 , 2 ] , "b" : true }',
    '{"a":true,"b":false,"c":null}',
    '{"a":0,"b":-0,"c":-1,"d":1.5,"e":1e5,"f":1E+5,"g":1e-5,"h":0.0,"i":-0.0e-0,"j":0e0}',
    '{"a":123456789012345678901234567890.123456789012345678901234567890}',
    '{"a":1e400,"b":1e-400,"c":1e0000000400,"d":1e-0000000000000000000000400}',
    '{"a":%s,"b":0.%s,"c":%s.%se-400,"d":%s.%se400}' % (("9" * 8000,) * 6),
    r'{"a":"\"\\\/\b\f\n\r\t\u0001\u001f\u00e4\u20AC\uFFFF\ufffe"}',
    r'{"\u0061\n":"\uD83D\uDE00","b":"\ud800\udc00\uDBFF\uDFFF"}',
    '{"ä€😀":"\x7f\u0080\u07ff\u0800\ud7ff\ue000\ufeff\uffff\U00010000\U0010ffff"}',
    '{"a":"\u2028\u2029"}',
    '{"a":' * 63 + "{}" + "}" * 63,
    '{"a":' + "[" * 63 + "]" * 63 + "}",
]

REFUSED = [
    # not one object
    "", " ", "\n", "[]", "1", '"a"', "null", "true", "{", "}", "{}{}", "{} {}", "{},", "{}]", "{}x", "{}\x0b", "\x0c{}",
    "\ufeff{}", "{}\ufeff", "\u00a0{}", "// c\n{}", "{/* c */}", "{}#", "{}\0", "\0{}", "{\0}",
    # names
    "{1:2}", "{a:1}", "{'a':1}", '{"a"}', '{"a":}', '{"a":1,}', '{,"a":1}', '{"a":1,,"b":2}', '{"a" 1}', '{"a"::1}',
    '{"a":1 "b":2}', '{"a":1;"b":2}', '{null:1}', '{"a', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{:1}', '{"a",1}',
    # arrays and nesting
    '{"a":[}', '{"a":[1}', '{"a":[1,]}', '{"a":[,1]}', '{"a":[1,,2]}', '{"a":[1 2]}', '{"a":]}', '{"a":{]}', '{"a":[}]}',
    '{"a":["b":1]}', '{"a":[', '{"a":[1', '{"a":[1,', '{"a":{"b":1}', '{"a":[]', '{"a":[]]}', '{"a":{}}}', '{"a":{1}}',
    # words
    '{"a":tru}', '{"a":True}', '{"a":nul}', '{"a":nulll}', '{"a":truefalse}', '{"a":true1}', '{"a":undefined}', '{"a":t',
    '{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":inf}', '{"a":null null}',
    # numbers
    '{"a":01}', '{"a":-01}', '{"a":+1}', '{"a":-}', '{"a":--1}', '{"a":.5}', '{"a":5.}', '{"a":1.e5}', '{"a":1e}',
    '{"a":1e+}', '{"a":1e-}', '{"a":1e5.5}', '{"a":1.5.5}', '{"a":0x10}', '{"a":1_000}', '{"a":1,5}', '{"a":1a}',
    '{"a":00}', '{"a":-.5}', '{"a":1 .5}', '{"a":- 1}', '{"a":1e 5}', '{"a":0e}', '{"a":1E5E5}', '{"a":１}', '{"a":1',
    '{"a":-', '{"a":1.', '{"a":1e', '{"a":1e+', '{"a":1.5',
    # strings
    '{"a":"}', '{"a":"b}', '{"a":"\n"}', '{"a":"\t"}', '{"a":"\x00"}', '{"a":"\x01"}', '{"a":"\x1f"}', '{"a\n":1}',
    r'{"a":"\x41"}', r'{"a":"\a"}', r'{"a":"\0"}', r'{"a":"\'"}', r'{"a":"\B"}', r'{"a":"\U0041"}', '{"a":"\\\n"}',
    '{"a":"\\', '{"a":"\\"', '{"a":"\\"}', r'{"a":"\ä"}', "{\"a\":'b'}",
    r'{"a":"\u"}', r'{"a":"\u1"}', r'{"a":"\u12"}', r'{"a":"\u123"}', r'{"a":"\u123g"}', r'{"a":"\u 123"}', '{"a":"\\u12',
    r'{"a":"\u+123"}', r'{"a":"\u-123"}', r'{"a":"\u0x12"}',
    # what jsonb cannot hold
    r'{"a":"\u0000"}', r'{"\u0000":1}', r'{"a":"b\u0000c"}', r'{"a":["\u0000"]}',
    r'{"a":"\ud800"}', r'{"a":"\udbff"}', r'{"a":"\udc00"}', r'{"a":"\udfff"}', r'{"\ud800":1}', r'{"a":"\ud800x"}',
    r'{"a":"\ud800\n"}', r'{"a":"\ud800\u0041"}', r'{"a":"\ud800\ud800"}', r'{"a":"\ud800\ud800\udc00"}',
    r'{"a":"\udc00\ud800"}', r'{"a":"\ud800\\udc00"}', r'{"a":"\ud800 \udc00"}', r'{"a":"\ud83d\uDE0"}',
    r'{"a":"\ud800\u0000"}', '{"a":"\\ud800', '{"a":"\\ud800\\', '{"a":"\\ud800\\u', r'{"a":"\ud800","b":"\udc00"}',
    # not UTF-8
    b'{"a":"\x80"}', b'{"a":"\xbf"}', b'{"a":"\xc0\xaf"}', b'{"a":"\xc1\xbf"}', b'{"a":"\xc3"}', b'{"a":"\xc3',
    b'{"a":"\xc3("}', b'{"a":"\xe2\x82"}', b'{"a":"\xe0\x80\x80"}', b'{"a":"\xe0\x9f\xbf"}', b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xed\xbf\xbf"}', b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}', b'{"a":"\xf0\x8f\xbf\xbf"}', b'{"a":"\xf0\x9f\x98"}',
    b'{"a":"\xf4\x90\x80\x80"}', b'{"a":"\xf5\x80\x80\x80"}', b'{"a":"\xf8\x88\x80\x80\x80"}', b'{"a":"\xfe"}',
    b'{"a":"\xff"}', b'{"\xff":1}', b'\xff\xfe{\x00}\x00', b'{"a":\xff}', b'\xef\xbb{}', b'{"a":"\xc3\xa4\xc3"}',
]  # fmt: skip

BEYOND_OUR_LIMITS = [
    '{"a":' * 64 + "{}" + "}" * 64,
    '{"a":' + "[" * 64 + "]" * 64 + "}",
    '{"a":%s}' % ("9" * 8001),
    '{"a":0.%s}' % ("9" * 8001),
    '{"a":1e401}',
    '{"a":1e-401}',
    '{"a":0e401}',
    '{"a":1e00401}',
    '{"a":1e16000}',
]

BEYOND_BOTH_LIMITS = [
    '{"a":1e131073}',
    '{"a":1e-16384}',
    '{"a":1e99999999999999999999999}',
    '{"a":1e-99999999999999999999999}',
    '{"a":%s}' % ("9" * 131073),
    '{"a":0.%s1}' % ("0" * 16383),
]


@pytest.fixture
def checker(build):
    def check(texts):
        stdin = b"".join(b"%d\n%s" % (len(text), text) for text in texts)
        done = subprocess.run([build.folder / "tests/json_check"], input=stdin, capture_output=True, check=True)
        verdicts = done.stdout.decode().splitlines()
        assert len(verdicts) == len(texts)
        return verdicts

    return check


@pytest.fixture
def jsonb(postgres):
    postgres.rows(
        """
        CREATE FUNCTION verdict(text bytea) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN
            IF jsonb_typeof(convert_from(text, 'UTF8')::jsonb) = 'object' THEN
                RETURN 'ok';
            END IF;
            RETURN 'not an object';
        EXCEPTION WHEN OTHERS THEN
            RETURN sqlstate || ' ' || sqlerrm;
        END $$
        """
    )

    def check(texts):
        query = "SELECT verdict(text) FROM unnest(%s::bytea[]) WITH ORDINALITY AS given(text, i) ORDER BY i"
        return [verdict for (verdict,) in postgres.rows(query, (texts,))]

    return check


def encoded(texts):
    return [text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in texts]


def test_both_accept_what_is_sound(checker, jsonb):
    texts = encoded(ACCEPTED)
    assert wrong(texts, checker(texts), lambda ours: ours == "ok") == []
    assert wrong(texts, jsonb(texts), lambda theirs: theirs == "ok") == []


def test_both_refuse_what_is_not(checker, jsonb):
    texts = encoded(REFUSED)
    assert wrong(texts, checker(texts), lambda ours: ours != "ok" and not ours.startswith(LIMITS)) == []
    assert wrong(texts, jsonb(texts), lambda theirs: theirs != "ok") == []


def test_our_limits_lie_within_those_of_jsonb(checker, jsonb):
    ours, both = encoded(BEYOND_OUR_LIMITS), encoded(BEYOND_BOTH_LIMITS)
    assert wrong(ours + both, checker(ours + both), lambda verdict: verdict.startswith(LIMITS)) == []
    assert wrong(ours, jsonb(ours), lambda verdict: verdict == "ok") == []
    assert wrong(both, jsonb(both), lambda verdict: verdict != "ok") == []


def wrong(texts, verdicts, is_right):
    return [(text[:80], verdict) for text, verdict in zip(texts, verdicts) if not is_right(verdict)]


def test_they_agree_on_thousands_of_texts(checker, jsonb):
    chance = random.Random(SEED)
    sound = [generate(chance).encode() for _ in range(GENERATED)]
    seeds = sound + encoded(ACCEPTED + REFUSED)
    texts = sound + [mutate(chance, chance.choice(seeds)) for _ in range(MUTATED)]
    ours, theirs = checker(texts), jsonb(texts)

    assert [verdict for verdict in ours[:GENERATED] if verdict != "ok"] == []
    accepted = sum(verdict == "ok" for verdict in ours[GENERATED:])
    assert MUTATED / 20 < accepted < MUTATED * 19 / 20, "mutations that are all alike prove nothing"

    # "ok" from us and not from them would be a batch refused; the other way round an event condemned without need.
    differing = [
        (text, our, their)
        for text, our, their in zip(texts, ours, theirs)
        if (our == "ok") != (their == "ok") and not (their == "ok" and our.startswith(LIMITS))
    ]
    assert differing == []


def generate(chance):
    return generate_space(chance) + generate_object(chance, chance.choice((1, 3, 6))) + generate_space(chance)


def generate_object(chance, depth):
    members = [
        f"{generate_space(chance)}{generate_string(chance)}{generate_space(chance)}:{generate_value(chance, depth - 1)}"
        for _ in range(chance.randrange(4))
    ]
    return "{" + ",".join(members) + generate_space(chance) + "}"


def generate_array(chance, depth):
    return "[" + ",".join(generate_value(chance, depth - 1) for _ in range(chance.randrange(4))) + "]"


def generate_value(chance, depth):
    if depth > 0 and chance.random() < 0.5:
        value = chance.choice((generate_object, generate_array))(chance, depth)
    else:
        value = chance.choice((generate_string, generate_number, generate_word))(chance)
    return generate_space(chance) + value + generate_space(chance)


def generate_space(chance):
    return chance.choice(("", "", "", " ", "\n", "\r\n\t"))


def generate_word(chance):
    return chance.choice(("true", "false", "null"))


def generate_number(chance):
    digits = str(chance.choice((0, 1, 9, 10, 4711, 2**63, 10**40)))
    fraction = chance.choice(("", "", ".0", ".5", "." + "123456789" * 5))
    exponent = chance.choice(("", "", "e0", "E7", "e+12", "e-300", "e308", "E-0"))
    return chance.choice(("", "-")) + digits + fraction + exponent


def generate_string(chance):
    pieces = ("a", "key", " ", "/", "\x7f", "ä", "€", "😀", r"\n", r"\"", r"\\", r"\/", r"\u00e4", r"\uFFFF", r"\uD83D\uDE00")
    return '"' + "".join(chance.choice(pieces) for _ in range(chance.randrange(5))) + '"'


TOKENS = [
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"\\u", b"\\u0000", b"\\ud83d", b"\\ude00", b"\\u00e4", b"\\n"),
    *(b"0", b"1", b"-", b"+", b".", b"e", b"E5", b"e999", b"true", b"false", b"null", b" ", b"\n", b"\x00", b"\x1f"),
    *(b'"a":', b'"a":1,', b",1", b"[]", b"{}", b"\xc3\xa4", b"\xc3", b"\xa4", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xff"),
]


def mutate(chance, text):
    text = bytearray(text)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(text) + 1)
        width = chance.choice((1, 1, 2, 6))
        change = chance.choice((insert_token, replace_by_token, remove, replace_byte, repeat))
        change(chance, text, at, width)
    return bytes(text)


def insert_token(chance, text, at, _width):
    text[at:at] = chance.choice(TOKENS)


def replace_by_token(chance, text, at, width):
    text[at : at + width] = chance.choice(TOKENS)


def remove(_chance, text, at, width):
    del text[at : at + width]


def replace_byte(chance, text, at, _width):
    text[at : at + 1] = bytes([chance.randrange(256)])


def repeat(_chance, text, at, width):
    text[at:at] = text[at : at + width]
