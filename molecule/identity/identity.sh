#!/bin/sh
# identity.sh DOMAIN CLIENT_SECRET REDIRECT_URI: makes of a host of the image debian12-identity an LDAP directory (OpenLDAP) and an OpenID provider
# (LemonLDAP::NG) with the same people, reached as login.DOMAIN with certificates of a CA of its own. Runs before its services do.
#
#   ada    of the group mlflow         grace  of the group mlflow-admin        eve  of no group
#   admin  of the group mlflow, with the name of the server's own administrator             each with the password "NAME's password"
set -eu
domain=$1 secret=$2 redirect=$3
base="dc=$(echo "$domain" | sed 's/[.]/,dc=/g')"
mkdir -p /etc/identity
cd /etc/identity

echo "127.0.0.1 login.$domain" >> /etc/hosts

# Who signs, and the certificate of both services.
openssl req -x509 -newkey rsa:2048 -noenc -keyout ca.key -out ca.crt -days 30 -subj "/CN=CA of $domain" 2>/dev/null
openssl req -newkey rsa:2048 -noenc -keyout host.key -out host.csr -subj "/CN=login.$domain" 2>/dev/null
printf 'subjectAltName=DNS:login.%s\n' "$domain" > host.ext
openssl x509 -req -in host.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out host.crt -days 30 -extfile host.ext 2>/dev/null
openssl genrsa -out sign.key 2048 2>/dev/null
openssl rsa -in sign.key -pubout -out sign.pub 2>/dev/null
chown openldap host.key ca.key
mkdir -p "$HOME/.pki/nssdb"
certutil -d "sql:$HOME/.pki/nssdb" -N --empty-password
certutil -d "sql:$HOME/.pki/nssdb" -A -t C,, -n identity -i ca.crt

# The directory. Nobody binds with a password on a line that is not encrypted (ssf: slapd.conf(5)).
cat > slapd.conf <<EOF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile /run/slapd/slapd.pid
argsfile /run/slapd/slapd.args
TLSCACertificateFile /etc/identity/ca.crt
TLSCertificateFile /etc/identity/host.crt
TLSCertificateKeyFile /etc/identity/host.key
security simple_bind=64
loglevel stats
database mdb
suffix "$base"
rootdn "gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth"
directory /var/lib/ldap
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=mlflow,ou=services,$base" read by * none
EOF
{
    printf 'dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: %s\n\n' "$base" "${domain%%.*}"
    for unit in people groups services; do
        printf 'dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n' "$unit" "$base" "$unit"
    done
    printf 'dn: cn=mlflow,ou=services,%s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: mlflow\nuserPassword: %s\n\n' "$base" "$secret"
    for person in ada grace eve admin; do
        printf "dn: uid=%s,ou=people,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nmail: %s@%s\nuserPassword: %s's password\n\n" \
            "$person" "$base" "$person" "$person" "$person" "$person" "$domain" "$person"
    done
    for group in mlflow:ada,admin mlflow-admin:grace; do
        printf 'dn: cn=%s,ou=groups,%s\nobjectClass: groupOfNames\ncn: %s\n' "${group%:*}" "$base" "${group%:*}"
        for person in $(echo "${group#*:}" | tr , ' '); do printf 'member: uid=%s,ou=people,%s\n' "$person" "$base"; done
        echo
    done
} > people.ldif
rm -rf /var/lib/ldap/*
slapadd -f slapd.conf -l people.ldif
chown -R openldap: /var/lib/ldap
sed -i 's,^SLAPD_CONF=.*,SLAPD_CONF=/etc/identity/slapd.conf,; s,^SLAPD_SERVICES=.*,SLAPD_SERVICES="ldap:/// ldaps:/// ldapi:///",' /etc/default/slapd

# The provider, which asks the directory.
sed "s/auth[.]example[.]com/login.$domain/; s/listen 80;/listen 443 ssl; ssl_certificate \/etc\/identity\/host.crt; ssl_certificate_key \/etc\/identity\/host.key;/; /listen \[::\]:80;/d" \
    /etc/lemonldap-ng/portal-nginx.conf > /etc/nginx/sites-enabled/portal.conf
rm -f /etc/nginx/sites-enabled/default
DOMAIN=$domain BASE=$base SECRET=$secret REDIRECT=$redirect python3 - <<'EOF'
import json, os, pathlib

domain, base, secret, redirect = (os.environ[name] for name in ("DOMAIN", "BASE", "SECRET", "REDIRECT"))
place = pathlib.Path("/var/lib/lemonldap-ng/conf")
conf = json.loads((place / "lmConf-1.json").read_text())
conf |= {
    "cfgNum": 2, "domain": domain, "portal": f"https://login.{domain}/", "securedCookie": 1, "locationRules": {f"login.{domain}": {"default": "accept"}},
    "authentication": "LDAP", "userDB": "Same", "passwordDB": "Null", "registerDB": "Null", "notification": 0,
    "captcha_login_enabled": 0, "captcha_mail_enabled": 0, "captcha_register_enabled": 0, "portalDisplayRegister": 0, "portalDisplayResetPassword": 0,
    "ldapServer": "ldapi://%2Frun%2Fslapd%2Fldapi", "ldapBase": f"ou=people,{base}", "managerDn": f"cn=mlflow,ou=services,{base}", "managerPassword": secret,
    "ldapExportedVars": {"uid": "uid", "cn": "cn", "mail": "mail"}, "ldapGroupBase": f"ou=groups,{base}", "ldapGroupObjectClass": "groupOfNames",
    "ldapGroupAttributeName": "member", "ldapGroupAttributeNameUser": "dn", "ldapGroupAttributeNameSearch": "cn",
    "issuerDBOpenIDConnectActivation": 1, "issuerDBOpenIDConnectPath": "^/oauth2/", "oidcServiceIgnoreScopeForClaims": 1,
    "oidcServicePrivateKeySig": pathlib.Path("sign.key").read_text(), "oidcServicePublicKeySig": pathlib.Path("sign.pub").read_text(), "oidcServiceKeyIdSig": "one",
    "oidcServiceAllowAuthorizationCodeFlow": 1,
    "oidcRPMetaDataOptions": {"mlflow": {
        "oidcRPMetaDataOptionsClientID": "mlflow", "oidcRPMetaDataOptionsClientSecret": secret, "oidcRPMetaDataOptionsRedirectUris": redirect,
        "oidcRPMetaDataOptionsIDTokenSignAlg": "RS256", "oidcRPMetaDataOptionsBypassConsent": 1, "oidcRPMetaDataOptionsIDTokenForceClaims": 1}},
    "oidcRPMetaDataExportedVars": {"mlflow": {"email": "mail", "name": "cn", "preferred_username": "uid", "groups": "groups;array;always"}},
}
(place / "lmConf-2.json").write_text(json.dumps(conf))
EOF
chown -R www-data: /var/lib/lemonldap-ng/conf
