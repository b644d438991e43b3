package simulation

// mark is in every secret access key of the worlds whose secrets are searched for.
const mark = "keyturnCANARY+/mark/x9Qz"
