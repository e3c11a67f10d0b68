"""What mhs prints as JSON, judged by mhs-json(7): a member that the manual does not have fails the play that met it.

The manual is read as a person does: a subsection for each command or kind of object, its items the members; what an item
says of an object, it says by a reference to another subsection.
"""
import functools
import json
import os
import re

VALUES = {"Types"}          # ASN.1 values: their members are those of the types
SUBCOMMANDS = {"queue", "peer", "user", "config", "store"}
NO_OBJECTS = {"decode", "encode"}


@functools.lru_cache
def manual(source):
    """{title: {member: the subsections that its item refers to}} of the subsections behind ANSWERS OF THE COMMANDS."""
    with open(os.path.join(source, "man", "mhs-json.7")) as file:
        text = file.read().partition(".Sh ANSWERS OF THE COMMANDS\n")[2].partition("\n.Sh ")[0]
    sections = {}
    for part in re.split(r"^\.Ss ", text, flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        members = sections.setdefault(title, {})
        for item in re.split(r"^\.It ", body.partition("\n.El")[0], flags=re.M)[1:]:
            names, _, said = item.partition("\n")
            for name in re.findall(r"(?:Li|,) ([a-z0-9-]+)", names):
                members[name] = re.findall(r"^\.Sx (.*?)(?: [.,])?$", said, re.M)
        before = body.partition(".Bl ")[0]
        for whole in re.findall(r"^\.Sx (.*?)(?: [.,])?$", before, re.M):   # "All of a Copy, and:"
            members[None] = members.get(None, []) + [whole]
    return {name: members for title, members in sections.items() for name in title.split(", ")}


def known(sections, title):
    """The members of a kind of object, with those of the kinds that it is said to have all of."""
    members = dict(sections[title])
    for other in members.pop(None, []):
        members = {**known(sections, other), **members}
    return members


def undocumented(sections, titles, value, path=""):
    """The paths of members that none of the subsections has."""
    if VALUES & set(titles):
        return []
    if isinstance(value, list):
        return [found for element in value for found in undocumented(sections, titles, element, path + "[]")]
    if not isinstance(value, dict):
        return []
    members = {}
    for title in titles:
        members.update(known(sections, title) if title in sections else {})
    found = []
    for name, inner in value.items():
        if name not in members:
            found.append(f"{path}.{name}")
        else:
            found += undocumented(sections, members[name], inner, f"{path}.{name}")
    return found


def command_of(arguments):
    """`queue list`, of a command line; None: it prints no object of its own."""
    words, skip = [], False
    for word in arguments:
        if skip or word.startswith("-"):
            skip = word == "--socket"
            continue
        words.append(word)
        if len(words) > (words[0] in SUBCOMMANDS):
            break
    return " ".join(words) if words and words[0] not in NO_OBJECTS and "--help" not in arguments else None


def judge(source, arguments, text):
    """Raises AssertionError when the answer of such a command line has a member that is in no manual."""
    command = command_of(arguments)
    if "--json" not in arguments or not command or not text.lstrip().startswith("{"):
        return
    try:
        value = json.loads(text)
    except ValueError:
        return              # the play that reads it says so
    sections = manual(source)
    titles = ["All commands", f"mhs {command}"]
    if command == "queue show" and "--save" in arguments:
        titles.append("mhs queue show --save")
    assert titles[1] in sections or list(value) == ["error"], f"mhs-json(7) has no answer of mhs {command}"
    found = undocumented(sections, titles, value)
    assert not found, f"mhs {command} --json prints what mhs-json(7) does not have: {sorted(set(found))}"
