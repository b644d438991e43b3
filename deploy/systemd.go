package deploy

import _ "embed"

// SystemdUnit is a unit file for `keyturn serve`: /etc/systemd/system/keyturn.service.
//
//go:embed systemd/keyturn.service
var SystemdUnit string
