//! The listing of `portolan who`: a hidden owner makes it incomplete, because owners are what it is for.

use std::ops::ControlFlow;

use crate::model::{Column, Completeness, DetailLevel, LocalDetail, OwnerLookup, PartialError};
use crate::source::{ItemSink, ListContext, ListFuture, ListItem, Local, Source};

/// The sockets of this machine.
pub(super) struct OwnerSource<'l>(pub(super) &'l Local);

impl Source for OwnerSource<'_> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn columns(&self) -> &'static [Column] {
        self.0.columns()
    }

    fn inner(&self) -> Option<&dyn Source> {
        Some(self.0)
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            let detail_level = context.detail_level.max(DetailLevel::Brief);
            let context = ListContext { detail_level, ..context.clone() };
            let mut sink = OwnerSink { out, hidden: None };
            let completeness = self.0.list(&context, &mut sink).await?;

            let OwnerSink { out, hidden } = sink;
            let Some((at, owner)) = hidden else { return Ok(completeness) };
            out.partial_error(PartialError {
                operation: format!("name the process at {at}"),
                cause: owner.as_str().to_owned(),
                hint: "run portolan as root".to_owned(),
            });
            Ok(Completeness::Incomplete)
        })
    }
}

/// Passes the items on, and keeps the first socket whose owner is hidden.
struct OwnerSink<'o> {
    out: &'o mut (dyn ItemSink + 'o),
    hidden: Option<(String, OwnerLookup)>,
}

impl ItemSink for OwnerSink<'_> {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        if let ListItem::Service(service) = &item
            && let Some(detail) = service.detail.downcast_ref::<LocalDetail>().filter(|detail| is_hidden(detail))
            && self.hidden.is_none()
        {
            let at = service.endpoints.first().map(ToString::to_string).unwrap_or_default();
            self.hidden = Some((at, detail.owner));
        }
        self.out.accept(item)
    }
}

/// Whether a process is missing. What a rule of the firewall leads to another machine has none here.
pub(super) fn is_hidden(detail: &LocalDetail) -> bool {
    !matches!(detail.owner, OwnerLookup::Known | OwnerLookup::NotAsked)
}
