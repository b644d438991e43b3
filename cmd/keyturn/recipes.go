package main

import "strings"

// target is one place that a program runs in, or one SDK.
type target struct {
	name  string
	title string
	// code is what stands in the program; "" when nothing does.
	code string
	// note is what else to know.
	note string
}

// The SDKs of before these versions do not know AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.
var targets = []target{
	{name: "go", title: "Go, aws-sdk-go-v2",
		code: "cfg, err := config.LoadDefaultConfig(ctx)\nidentity := sts.NewFromConfig(cfg)",
		note: "Or with nothing in the environment, and credentials fetched ahead of their end (github.com/keyturn/keyturn/client):\n" +
			"keys, err := client.New(client.Config{URL: \"{{url}}\", User: \"{{user}}\", APIKeyFile: \"{{key}}\"})"},
	{name: "python", title: "Python, boto3", code: "import boto3\nboto3.client(\"sts\").get_caller_identity()"},
	{name: "js", title: "JavaScript, AWS SDK v3",
		code: "import { STSClient, GetCallerIdentityCommand } from \"@aws-sdk/client-sts\";\nawait new STSClient().send(new GetCallerIdentityCommand());"},
	{name: "java", title: "Java, AWS SDK 2",
		code: "StsClient sts = StsClient.create();\nsts.getCallerIdentity();"},
	{name: "dotnet", title: ".NET, AWS SDK",
		code: "var sts = new AmazonSecurityTokenServiceClient();\nawait sts.GetCallerIdentityAsync(new GetCallerIdentityRequest());"},
	{name: "rust", title: "Rust, aws-config",
		code: "let config = aws_config::load_defaults(BehaviorVersion::latest()).await;\naws_sdk_sts::Client::new(&config).get_caller_identity().send().await?;"},
	{name: "cli", title: "The aws CLI", code: "aws sts get-caller-identity"},
	{name: "docker", title: "Docker"},
	{name: "kubernetes", title: "Kubernetes"},
}

func targetNames() (names []string) {
	for _, t := range targets {
		names = append(names, t.name)
	}
	return names
}

// overview prints all ways.
func (w wires) overview(p *printer) {
	p.line("%s: an API key, and then one of three ways. Each renews itself after a rotation.", bold.Render("Credentials of "+w.User))
	p.line("")
	p.line("%s  an API key, in a file that only the program reads; SDKs refuse a file that ends with a newline", bold.Render("0"))
	p.block("(umask 077; keyturn apikey create " + w.keyName() + " --consumer " + w.User + ` | tr -d '\n' > ` + quoted(w.KeyFile) + ")")
	p.line("%s  two variables, for every AWS SDK and the aws CLI", bold.Render("1"))
	p.block(exports(w.ContainerURL, w.KeyFile)...)
	p.line("%s  a profile, for programs that get no variables", bold.Render("2"))
	p.block(w.profile()...)
	running := ""
	if w.Agent.Running {
		running = ", which runs"
	}
	p.line("%s  the agent of this machine%s: it bridges a server that is away", bold.Render("3"), running)
	var start []string
	if !w.Agent.Running {
		start = []string{"keyturn agent " + w.User + " --url " + w.URL + " --api-key-file " + w.KeyFile + " &"}
	}
	p.block(append(start, exports(w.Agent.ContainerURL, w.Agent.TokenFile)...)...)
	p.line("%s", faint.Render("Keys in AWS_ACCESS_KEY_ID or ~/.aws/credentials come first: take them away. One SDK or place: --for "+
		strings.Join(targetNames(), ", ")+"."))
}

// keyName is a name for the API key that an API key, a shell and Kubernetes take, whatever the user is called.
func (w wires) keyName() string {
	return strings.TrimRight("app-"+strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(w.User)), "-")
}

// profile is a part of ~/.aws/config.
func (w wires) profile() []string {
	return []string{"# ~/.aws/config", "[profile " + w.profileName() + "]", "region = " + w.Region,
		"credential_process = " + w.Process + " --url " + w.URL + " --api-key-file " + w.KeyFile}
}

func (w wires) profileName() string { return strings.ReplaceAll(w.User, ":", "-") }

func exports(uri, file string) []string {
	return []string{"export " + variableURI + "=" + uri, "export " + variableFile + "=" + quoted(file)}
}

// quoted is a word for a shell.
func quoted(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@,=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// block prints lines that somebody will copy: never folded, so that they stay whole.
func (p *printer) block(lines ...string) {
	p.clearProgress()
	for _, l := range lines {
		_, _ = p.out.Write([]byte("    " + harmless(l) + "\n")) // the sink remembers what fails
	}
	p.line("")
}

// recipe prints what one target needs.
func (w wires) recipe(p *printer, name, via string) {
	var t target
	for _, each := range targets {
		if each.name == name {
			t = each
		}
	}
	uri, file := w.ContainerURL, w.KeyFile
	if via == viaAgent {
		uri, file = w.Agent.ContainerURL, w.Agent.TokenFile
	}
	p.line("%s", bold.Render(t.title+": credentials of "+w.User))
	p.line("")
	switch {
	case name == "docker":
		w.docker(p, uri, file, via)
		return
	case name == "kubernetes":
		w.kubernetes(p)
		return
	case via == viaProcess:
		p.block(w.profile()...)
		p.block("export AWS_PROFILE=" + w.profileName())
	default:
		p.block(exports(uri, file)...)
	}
	p.line("Nothing of this stands in the program:")
	p.block(strings.Split(t.code, "\n")...)
	if t.note != "" && via == viaServer {
		for i, l := range strings.Split(strings.NewReplacer("{{url}}", w.URL, "{{user}}", w.User, "{{key}}", w.KeyFile).Replace(t.note), "\n") {
			if i == 1 {
				p.block(strings.Split(l, "\n")...)
			} else {
				p.line("%s", l)
			}
		}
	}
}

func (w wires) docker(p *printer, uri, file, via string) {
	args := []string{"docker run --rm \\"}
	if via == viaAgent || strings.HasPrefix(w.URL, "http:") {
		args = append(args, "  --network host \\") // what serves is on a loopback address of the machine
	}
	const inside = "/run/secrets/keyturn"
	args = append(args, "  -v "+quoted(file)+":"+inside+":ro \\", "  -e "+variableURI+"="+uri+" \\", "  -e "+variableFile+"="+inside+" \\",
		"  -e AWS_REGION="+w.Region+" \\", "  IMAGE")
	p.block(args...)
	p.line("The user of the container must be able to read the file.")
}

func (w wires) kubernetes(p *printer) {
	secret := w.keyName() + "-keyturn"
	p.line("A secret from a file that holds the API key:")
	p.block("kubectl create secret generic " + secret + " --from-file=api-key=" + quoted(w.KeyFile))
	p.line("In the pod's specification:")
	p.block("containers:", "- name: app", "  image: IMAGE", "  env:", "  - {name: "+variableURI+", value: \""+w.ContainerURL+"\"}",
		"  - {name: "+variableFile+", value: /run/secrets/keyturn/api-key}", "  - {name: AWS_REGION, value: "+w.Region+"}",
		"  volumeMounts:", "  - {name: keyturn, mountPath: /run/secrets/keyturn, readOnly: true}", "volumes:", "- name: keyturn",
		"  secret: {secretName: "+secret+"}")
	if strings.HasPrefix(w.URL, "http:") {
		p.line("A pod does not reach %s, which is this machine alone: set \"api.url\" to an https address.", w.URL)
	}
}
