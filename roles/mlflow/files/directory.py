#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users of an LDAP directory: `Directory(about).log_in(name, password)`, called by directory_users.py.

A name and a password are right where the directory lets that user bind with them (RFC 4513, section 5.1.3) and he is in a group that may come in.
"""

from __future__ import annotations

import ssl

# Seconds: to reach a server of the directory, and for each of its answers.
CONNECT = 5
ANSWER = 10


class Refused(Exception):
    """The directory does not know the user, or not with this password, or he is in no group that may come in."""


class Unfit(Exception):
    """The directory does not serve this server as it is set up."""


class Directory:
    """The directory that `about` tells of: a dictionary with uris (list), start_tls, ca_file, bind_dn, bind_password, user_base, user_attribute,
    user_filter, group_base, group_attribute, group_filter, user_groups and admin_groups (lists)."""

    def __init__(self, about):
        self.about = about

    def connected(self, user, password):
        """A connection bound as user, or anonymously without one. Raises Refused where the directory says no, LDAPException where no server answers."""
        import ldap3
        from ldap3.core.exceptions import LDAPBindError, LDAPException, LDAPInvalidCredentialsResult

        reason = None
        for uri in self.about["uris"]:
            tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, version=ssl.PROTOCOL_TLS_CLIENT, ca_certs_file=self.about["ca_file"] or None)
            server = ldap3.Server(uri, tls=tls, connect_timeout=CONNECT, get_info=ldap3.NONE)
            connection = ldap3.Connection(server, user or None, password or None, receive_timeout=ANSWER, raise_exceptions=True, read_only=True,
                                          auto_referrals=False)  # fmt: skip
            try:
                connection.open(read_server_info=False)
                if self.about["start_tls"] and not uri.startswith("ldaps:"):
                    connection.start_tls(read_server_info=False)
                connection.bind(read_server_info=False)
            except (LDAPInvalidCredentialsResult, LDAPBindError):
                raise Refused("wrong password") from None
            except (LDAPException, OSError) as error:
                reason = error
            else:
                return connection
        raise reason

    def log_in(self, name, password):
        """The user's name as the directory writes it, and whether he is an administrator. Raises Refused, LDAPException."""
        from ldap3.utils.conv import escape_filter_chars

        # An empty password is a request to be let in without one, which directories grant (RFC 4513, section 5.1.2).
        if not name or not password:
            raise Refused("no password")
        about = self.about
        try:
            connection = self.connected(about["bind_dn"], about["bind_password"])
        except Refused:
            raise Unfit("mlflow_auth_ldap_bind_dn is refused by the directory") from None
        try:
            wanted = f"(&{about['user_filter']}({about['user_attribute']}={escape_filter_chars(name)}))"
            found = self.search(connection, about["user_base"], wanted, [about["user_attribute"], "memberOf"])
            if len(found) != 1:
                raise Refused(f"the directory has {len(found)} users of this name")
            user = found[0]
            self.connected(user["dn"], password).unbind()
            canonical = str(user["attributes"][about["user_attribute"]][0])
            groups = self.groups(connection, user, canonical)
        finally:
            connection.unbind()
        is_admin = bool(groups & {group.lower() for group in about["admin_groups"]})
        if not is_admin and not groups & {group.lower() for group in about["user_groups"]}:
            raise Refused("in no group that may come in")
        return canonical, is_admin

    def groups(self, connection, user, name):
        """Names of the user's groups, in lower case: by a search, or without a base of groups as his entry says (memberOf, RFC 2307bis)."""
        from ldap3.utils.conv import escape_filter_chars
        from ldap3.utils.dn import parse_dn

        about = self.about
        if not about["group_base"]:
            return {parse_dn(str(dn))[0][1].lower() for dn in user["attributes"].get("memberOf", [])}
        wanted = about["group_filter"].replace("{dn}", escape_filter_chars(user["dn"])).replace("{user}", escape_filter_chars(name))
        found = self.search(connection, about["group_base"], wanted, [about["group_attribute"]])
        return {str(value).lower() for group in found for value in group["attributes"].get(about["group_attribute"], [])}

    @staticmethod
    def search(connection, base, wanted, attributes):
        """Entries below base, as dictionaries with dn and attributes (lists of values)."""
        from ldap3 import SUBTREE
        from ldap3.core.exceptions import LDAPNoSuchObjectResult

        try:
            connection.search(base, wanted, SUBTREE, attributes=attributes)
        except LDAPNoSuchObjectResult:
            return []
        entries = []
        for entry in connection.response:
            if entry["type"] == "searchResEntry":
                values = {key: value if isinstance(value, list) else [value] for key, value in entry["attributes"].items()}
                entries.append({"dn": entry["dn"], "attributes": values})
        return entries
