//! What a call used: tokens, and searches of the web.

use std::ops::AddAssign;

/// What a provider reports for a call; each token is counted in one member only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input that the prompt cache had nothing to do with.
    pub input_tokens: u64,
    /// Output, thinking included.
    pub output_tokens: u64,
    /// Input written to the prompt cache for five minutes.
    pub cache_write_5m_tokens: u64,
    /// Input written to the prompt cache for an hour.
    pub cache_write_1h_tokens: u64,
    /// Input read from the prompt cache.
    pub cache_read_tokens: u64,
    /// Searches of the web that the provider ran for it. They are billed each, and count as no tokens.
    pub web_searches: u64,
}

impl Usage {
    /// All input, cached or not.
    pub fn all_input_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_write_5m_tokens)
            .saturating_add(self.cache_write_1h_tokens)
            .saturating_add(self.cache_read_tokens)
    }

    /// All tokens, in and out.
    pub fn all_tokens(&self) -> u64 {
        self.all_input_tokens().saturating_add(self.output_tokens)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        let add = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        add(&mut self.input_tokens, other.input_tokens);
        add(&mut self.output_tokens, other.output_tokens);
        add(&mut self.cache_write_5m_tokens, other.cache_write_5m_tokens);
        add(&mut self.cache_write_1h_tokens, other.cache_write_1h_tokens);
        add(&mut self.cache_read_tokens, other.cache_read_tokens);
        add(&mut self.web_searches, other.web_searches);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_add_up_and_are_no_tokens() {
        let mut usage = Usage {
            input_tokens: 5,
            web_searches: 2,
            ..Usage::default()
        };
        usage += usage;

        assert_eq!(usage.web_searches, 4);
        assert_eq!(usage.all_tokens(), 10);
    }
}
