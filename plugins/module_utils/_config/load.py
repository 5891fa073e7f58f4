# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""From the files in the repository to the configuration of one environment, and from its commands to argv."""

from __future__ import annotations

import os
import re
import shlex

from ansible_collections.slipway.app.plugins.module_utils._config.schema import (
    ENVIRONMENTS,
    PLACES,
    SCHEMA,
    STOP_TIMEOUTS,
    check_environment,
    packaged,
    validate,
)
from ansible_collections.slipway.app.plugins.module_utils._config.versions import profile_of, with_version
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

BASE = "slipway.yml"
OVERLAY = "slipway_%s.yml"

# A brace that is doubled stands for itself; everything else between braces is the name of a variable.
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")


def read_documents(directory):
    """Read and check slipway.yml and its overlays: {"base": {...}, "overlays": {"dev": {...}, ...}}.

    Every environment's effective configuration is checked as well, so that what was packaged can be deployed. What stands in files
    beside them is part of them.
    """
    base = read_yaml(os.path.join(directory, BASE), BASE)
    if base is None:
        raise SlipwayError("There is no %s at the top of the repository." % BASE,
                           hint="It needs at least the keys application and profile.")
    validate(base, BASE)
    base = _with_rules(directory, with_version(directory, base), BASE)
    overlays = {}
    for environment in ENVIRONMENTS:
        name = OVERLAY % environment
        overlay = read_yaml(os.path.join(directory, name), name)
        if overlay is not None:
            validate(overlay, name, overlay=True)
            overlays[environment] = _with_rules(directory, overlay, name)
    documents = {"base": base, "overlays": overlays}
    for environment in [None] + sorted(overlays):
        effective(documents, environment)
    return documents


def effective(documents, environment=None):
    """The configuration of an environment (without one: of slipway.yml alone) with every key present.

    Profile, then slipway.yml, then the overlay: mappings are merged key by key, everything else is replaced. What is in the
    documents has been checked then, wherever they come from.
    """
    if not isinstance(documents, dict) or not isinstance(documents.get("overlays"), dict):
        raise SlipwayError("The package has no documents as slipway.app packages them: base, and overlays by environment.")
    base, where, overlay = packaged(documents.get("base"), BASE), BASE, {}
    if environment is not None:
        check_environment(environment)
        if environment in documents["overlays"]:
            overlay = packaged(documents["overlays"][environment], OVERLAY % environment, overlay=True)
            where = "%s with %s" % (BASE, OVERLAY % environment)
    merged = {}
    for layer in (profile_of(base) if "profile" in base else []) + [base, overlay]:
        merged = _merge(merged, layer)
    config = SCHEMA.filled(merged, where, "")
    for name, service in config["services"].items():
        if service["schedule"] and service["kind"] != "cron":
            raise SlipwayError("%s: services.%s has a schedule, which only services of kind cron can have." % (where, name))
        service["on"] = service["on"] or PLACES[service["kind"]]
        service["stop_timeout"] = service["stop_timeout"] or STOP_TIMEOUTS[service["kind"]]
    return config


def expand(command, variables):
    """The argv of a command with its {placeholders} replaced; a value never becomes more than one word."""
    words = shlex.split(command) if isinstance(command, str) else command
    return [expand_text(word, variables) for word in words]


def expand_text(text, variables):
    """The text with its {placeholders} replaced; {{ and }} stand for braces."""

    def replacement(match):
        if match.group(0) in ("{{", "}}"):
            return match.group(0)[0]
        name = match.group(1)
        if name is None:
            raise SlipwayError("'%s' has a single brace." % text,
                               hint="Write {{ or }} for a brace that stands for itself.")
        if name not in variables:
            raise SlipwayError("'%s' has the unknown placeholder {%s}." % (text, name),
                               hint="Known: %s." % ", ".join("{%s}" % known for known in sorted(variables)))
        return str(variables[name])

    return PLACEHOLDER.sub(replacement, text)


def _merge(lower, upper):
    """Lower with upper on top, without changing either."""
    merged = dict(lower)
    for key, value in upper.items():
        both = isinstance(merged.get(key), dict) and isinstance(value, dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _with_rules(directory, document, name):
    """The document with the rules of sanitized dumps that it has in a file of their own."""
    path = document.get("sanitize")
    if not isinstance(path, str):
        return document
    rules = read_yaml(os.path.join(directory, path), path)
    if not isinstance(rules, dict):
        raise SlipwayError("%s: sanitize names %s, which is %s." % (name, path, "not there" if rules is None else "no mapping"))
    return dict(document, sanitize=rules)


def read_yaml(path, name):
    """A YAML document as plain data, or None where there is no such file; name is what errors call it."""
    yaml, loader = _yaml()
    try:
        with open(path, encoding="utf-8") as stream:
            document = yaml.load(stream, Loader=loader)
    except FileNotFoundError:
        return None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SlipwayError("%s is not valid YAML: %s" % (name, error)) from error
    return {} if document is None else document


def _yaml():
    """PyYAML and a loader for our files; only the build host needs PyYAML."""
    try:
        import yaml
    except ImportError as error:
        raise SlipwayError("Reading YAML needs PyYAML on the host that builds.") from error

    class Loader(yaml.SafeLoader):
        """Plain data. yes, no, on and off are texts (a service has a key 'on'), and no key comes twice."""

        def construct_mapping(self, node, deep=False):
            seen = set()
            for key_node, value_node in node.value:
                key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, "the key %s comes twice" % key, key_node.start_mark)
                seen.add(key)
            return super().construct_mapping(node, deep)

    plain = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in plain]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
    return yaml, Loader
