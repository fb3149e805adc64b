# Sends a mail from standard input to whom its header lines name, as PHP's mail() wants it of `sendmail -t -i`.
# Arguments: those of sendmail, of which `-f`, the sender, counts.
from=web@localhost
for argument; do
    case $argument in -f?*) from=${argument#-f} ;; esac
done
mail=$(mktemp) || exit 75
tr -d "\r" >"$mail"
# Lines that go on with a space belong to the one before.
to=$(sed "/^\$/q" "$mail" | sed ":again; N; \$!b again; s/\n[ \t]/ /g" |
    sed -n "s/^\(to\|cc\|bcc\): *//Ip" | tr "," "\n" |
    sed "s/.*<//; s/>.*//; s/[ \t]//g; /^\$/d; s/^/--mail-rcpt /")
curl --silent --show-error --crlf --mail-from "$from" $to --upload-file "$mail" "smtp://$PLATFORM_SMTP_HOST:25"
code=$?
rm -f "$mail"
exit $code
