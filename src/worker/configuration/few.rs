//! A list that mostly has one element, which then needs no memory of its own.

/// See the module's documentation.
pub enum Few<T> {
    /// One element.
    One(T),
    /// Another number of them, or what is left of it.
    Many(Vec<T>),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Few::Many(Vec::new())
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut few = Self::default();
        for (place, element) in elements.into_iter().enumerate() {
            few.insert(place, element);
        }
        few
    }
}

impl<T> Few<T> {
    /// The elements.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Few::One(element) => std::slice::from_ref(element),
            Few::Many(elements) => elements,
        }
    }

    /// Adds an element before the one at this place, or at the end.
    pub fn insert(&mut self, place: usize, element: T) {
        match std::mem::take(self) {
            Few::Many(elements) if elements.is_empty() => *self = Few::One(element),
            Few::Many(mut elements) => {
                elements.insert(place, element);
                *self = Few::Many(elements);
            }
            Few::One(other) => {
                let mut elements = vec![other];
                elements.insert(place, element);
                *self = Few::Many(elements);
            }
        }
    }

    /// Takes out the elements that do not stay.
    pub fn retain(&mut self, stays: impl Fn(&T) -> bool) {
        match self {
            Few::Many(elements) => elements.retain(stays),
            Few::One(element) if !stays(element) => *self = Self::default(),
            Few::One(_) => {}
        }
    }
}
