/// Text from the command line as a part of a path: all but ASCII letters and digits is encoded.
func percentEncoded(_ text: String) -> String {
    text.utf8.map { byte in
        let scalar = Unicode.Scalar(byte)
        if scalar.isASCII, Character(scalar).isLetter || Character(scalar).isNumber {
            return String(scalar)
        }
        let digits = String(byte, radix: 16, uppercase: true)
        return byte < 16 ? "%0\(digits)" : "%\(digits)"
    }.joined()
}
