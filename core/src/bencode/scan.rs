//! The walk over the input, which is both the check and the way to the parts.

use super::{BencodeError, Dict, List, MAX_DEPTH, MAX_TOKENS, Value};

/// A place in the input. Every step is bounded by what is there.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    input: &'a [u8],
    at: usize,
    tokens: u32,
    /// Keys have to be sorted and unique.
    ordered: bool,
}

impl<'a> Scanner<'a> {
    /// At the start of a value.
    pub(super) const fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0, tokens: MAX_TOKENS, ordered: true }
    }

    /// The same, with keys in any order.
    pub(super) const fn in_any_order(input: &'a [u8]) -> Self {
        Self { ordered: false, ..Self::new(input) }
    }

    /// At the first element of a list or dictionary that has been checked.
    pub(super) const fn within(span: &'a [u8]) -> Self {
        Self { input: span, at: 1, tokens: MAX_TOKENS, ordered: false }
    }

    /// Bytes that have been walked over.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// What has not been walked over.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// The next value.
    pub(super) fn value(&mut self) -> Result<Value<'a>, BencodeError> {
        self.value_at_depth(MAX_DEPTH)
    }

    /// The next element of a checked list.
    pub(super) fn element(&mut self) -> Option<Value<'a>> {
        if self.at_end().ok()? { None } else { self.value().ok() }
    }

    /// The next key of a checked dictionary, and its value.
    pub(super) fn entry(&mut self) -> Option<(&'a [u8], Value<'a>)> {
        if self.at_end().ok()? { None } else { Some((self.string().ok()?, self.value().ok()?)) }
    }

    /// `depth`: so many more levels are allowed.
    fn value_at_depth(&mut self, depth: u32) -> Result<Value<'a>, BencodeError> {
        let at = self.at;
        match self.peek()? {
            b'i' => {
                self.count()?;
                self.advance(1);
                self.integer().map(Value::Integer)
            }
            b'0'..=b'9' => self.string().map(Value::Bytes),
            b'l' => {
                self.count()?;
                let depth = depth.checked_sub(1).ok_or(BencodeError::Depth { at })?;
                self.advance(1);
                while !self.at_end()? {
                    self.value_at_depth(depth)?;
                }
                self.advance(1);
                Ok(Value::List(List { span: self.since(at) }))
            }
            b'd' => {
                self.count()?;
                let depth = depth.checked_sub(1).ok_or(BencodeError::Depth { at })?;
                self.advance(1);
                self.entries(depth)?;
                self.advance(1);
                Ok(Value::Dict(Dict { span: self.since(at) }))
            }
            byte => Err(BencodeError::Unexpected { at, byte }),
        }
    }

    fn entries(&mut self, depth: u32) -> Result<(), BencodeError> {
        let mut last = None;
        while !self.at_end()? {
            let at = self.at;
            if !self.peek()?.is_ascii_digit() {
                return Err(BencodeError::Key { at });
            }
            let key = self.string()?;
            if self.ordered && last.is_some_and(|last| last >= key) {
                return Err(BencodeError::KeyOrder { at });
            }
            last = Some(key);
            self.value_at_depth(depth)?;
        }
        Ok(())
    }

    /// `<length>:<bytes>`.
    fn string(&mut self) -> Result<&'a [u8], BencodeError> {
        self.count()?;
        let at = self.at;
        let len = self.digits(b':')?;
        let len =
            len.checked_neg().and_then(|len| u64::try_from(len).ok()).ok_or(BencodeError::Range { at })?;
        let rest = self.rest();
        let bytes = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let bytes = bytes.ok_or(BencodeError::StringLength { at, len, left: rest.len() })?;
        self.advance(bytes.len());
        Ok(bytes)
    }

    /// `-<digits>e` or `<digits>e`.
    fn integer(&mut self) -> Result<i64, BencodeError> {
        let at = self.at;
        if self.peek()? != b'-' {
            return self.digits(b'e')?.checked_neg().ok_or(BencodeError::Range { at });
        }
        self.advance(1);
        match self.digits(b'e')? {
            0 => Err(BencodeError::LeadingZero { at }),
            number => Ok(number),
        }
    }

    /// A number and the byte after it. The number's *negative* is returned, as there is one more of those.
    fn digits(&mut self, end: u8) -> Result<i64, BencodeError> {
        let start = self.at;
        let mut number = 0_i64;
        loop {
            let (at, byte) = (self.at, self.peek()?);
            if byte == end && at > start {
                self.advance(1);
                return Ok(number);
            }
            if !byte.is_ascii_digit() {
                return Err(BencodeError::Unexpected { at, byte });
            }
            if at > start && number == 0 {
                return Err(BencodeError::LeadingZero { at: start });
            }
            let digit = i64::from(byte & 0x0f);
            let longer = number.checked_mul(10).and_then(|number| number.checked_sub(digit));
            number = longer.ok_or(BencodeError::Range { at: start })?;
            self.advance(1);
        }
    }

    /// One value or key more.
    fn count(&mut self) -> Result<(), BencodeError> {
        self.tokens = self.tokens.checked_sub(1).ok_or(BencodeError::Tokens { at: self.at })?;
        Ok(())
    }

    /// Does a list or dictionary end here?
    fn at_end(&self) -> Result<bool, BencodeError> {
        self.peek().map(|byte| byte == b'e')
    }

    fn peek(&self) -> Result<u8, BencodeError> {
        self.input.get(self.at).copied().ok_or(BencodeError::Truncated { at: self.input.len() })
    }

    const fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn since(&self, start: usize) -> &'a [u8] {
        self.input.get(start..self.at).unwrap_or_default()
    }
}
